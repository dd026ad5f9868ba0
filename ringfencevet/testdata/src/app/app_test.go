package app

import "net/http"

func stub(s *server) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { _ = s.raw.Exec("select 1") } // tests may
}
