package main

import (
	"encoding/json"
	"net"
	"net/http"

	"github.com/ringfencehq/ringfence/internal/rollout"
)

// alerts stands in for Prometheus, whose rules it says are loaded, and for the pager, which takes every call.
type alerts struct {
	base   string
	server *http.Server
}

// serveAlerts listens on a port of the loopback that the system chooses.
func serveAlerts() (*alerts, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/api/v1/rules", func(w http.ResponseWriter, _ *http.Request) {
		var rules []map[string]string
		for _, name := range rollout.AlertNames {
			rules = append(rules, map[string]string{"name": name})
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"data": map[string]any{"groups": []any{map[string]any{"rules": rules}}}})
	})
	mux.HandleFunc("/api/v1/alerts", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"data": map[string]any{"alerts": []any{}}})
	})
	mux.HandleFunc("/api/v1/query", func(w http.ResponseWriter, _ *http.Request) { // it scrapes nothing
		_ = json.NewEncoder(w).Encode(map[string]any{"data": map[string]any{"result": []any{}}})
	})
	mux.HandleFunc("/page", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) })
	a := &alerts{base: "http://" + listener.Addr().String(), server: &http.Server{Handler: mux}}
	go func() { _ = a.server.Serve(listener) }()
	return a, nil
}

func (a *alerts) close() { _ = a.server.Close() }
