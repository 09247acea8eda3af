"""What tests of every tier share: servers, stacks, and ways to wait."""
