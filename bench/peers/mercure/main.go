// A server made of the library mercure, as small as it can be: everybody may subscribe, and every line that is posted to
// /publish is an update of one topic.
package main

import (
	"bufio"
	"context"
	"flag"
	"log"
	"log/slog"
	"net/http"
	"time"

	"github.com/dunglas/mercure"
)

const (
	topic = "frames"
	// Longer than any line that is posted.
	lineBytes = 1 << 20
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8000", "address to serve at")
	flag.Parse()

	hub, err := mercure.NewHub(
		context.Background(),
		mercure.WithAnonymous(),
		mercure.WithHeartbeat(0),
		mercure.WithLogger(slog.New(slog.DiscardHandler)),
	)
	if err != nil {
		log.Fatal(err)
	}
	http.Handle("GET /.well-known/mercure", hub)
	http.HandleFunc("POST /publish", func(answer http.ResponseWriter, request *http.Request) {
		lines := bufio.NewScanner(request.Body)
		lines.Buffer(nil, lineBytes)
		for lines.Scan() {
			update := &mercure.Update{Topics: []string{topic}, Event: mercure.Event{Data: lines.Text()}}
			if err := hub.Publish(request.Context(), update); err != nil {
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
