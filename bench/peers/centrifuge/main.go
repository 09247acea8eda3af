// A server made of the library centrifuge, as small as it can be: everybody who connects by SSE is subscribed to one
// channel, and every line that is posted to /publish is a publication there.
package main

import (
	"bufio"
	"context"
	"flag"
	"log"
	"net/http"
	"time"

	"github.com/centrifugal/centrifuge"
)

const (
	channel = "frames"
	// Longer than any line that is posted.
	lineBytes = 1 << 20
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8000", "address to serve at")
	writeDelay := flag.Duration("write-delay", 0, "how long messages for a client are collected into one write")
	queueBytes := flag.Int("queue-bytes", 0, "what may wait for one client before it is cut; 0: the library's default")
	flag.Parse()

	node, err := centrifuge.New(centrifuge.Config{ClientQueueMaxSize: *queueBytes})
	if err != nil {
		log.Fatal(err)
	}
	node.OnConnecting(func(context.Context, centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		reply := centrifuge.ConnectReply{
			Credentials:   &centrifuge.Credentials{},
			Subscriptions: map[string]centrifuge.SubscribeOptions{channel: {}},
			WriteDelay:    *writeDelay,
		}
		if *writeDelay > 0 {
			// All that was collected goes out at once, by a timer and not by a goroutine a client: the library's fastest.
			reply.MaxMessagesInFrame = -1
			reply.WriteWithTimer = true
		}
		return reply, nil
	})
	if err := node.Run(); err != nil {
		log.Fatal(err)
	}

	noPings := centrifuge.SSEConfig{PingPongConfig: centrifuge.PingPongConfig{PingInterval: -1, PongTimeout: -1}}
	http.Handle("GET /stream", centrifuge.NewSSEHandler(node, noPings))
	http.HandleFunc("POST /publish", func(answer http.ResponseWriter, request *http.Request) {
		lines := bufio.NewScanner(request.Body)
		lines.Buffer(nil, lineBytes)
		for lines.Scan() {
			if _, err := node.Publish(channel, append([]byte(nil), lines.Bytes()...)); err != nil {
				http.Error(answer, err.Error(), http.StatusInternalServerError)
				return
			}
		}
		if err := lines.Err(); err != nil {
			http.Error(answer, err.Error(), http.StatusBadRequest)
		}
	})
	server := &http.Server{Addr: *listen, ReadHeaderTimeout: 10 * time.Second}
	log.Fatal(server.ListenAndServe())
}
