//go:build tools

// The server itself is built, unchanged, from the version that this module requires.
package tools

import _ "github.com/centrifugal/centrifugo/v5"
