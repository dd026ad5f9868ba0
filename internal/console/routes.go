package console

import (
	"embed"
	"io/fs"
	"net/http"
	"slices"
)

//go:embed static
var static embed.FS

// A page is one entry of the menu.
type page struct {
	Path, Name string
	serve      func(s *subject, w http.ResponseWriter, r *http.Request)
}

// pages lists the menu in its order.
func pages() []page {
	return []page{
		{"/", "Overview", (*subject).overview},
		{"/matrix", "Matrix", (*subject).matrix},
		{"/findings", "Findings", (*subject).findings},
		{"/map", "Tenancy map", (*subject).tenancyMap},
		{"/drift", "Drift", (*subject).drift},
		{"/rollouts", "Rollouts", (*subject).rollouts},
		{"/trail", "Trail", (*subject).trail},
		{"/times", "Times", (*subject).times},
	}
}

// routes are the pages of one database. Links among them are relative, so that they stand under any path.
func (s *subject) routes() http.Handler {
	mux := http.NewServeMux()
	for _, p := range pages() {
		path := p.Path
		if path == "/" {
			path = "/{$}"
		}
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) { p.serve(s, w, r) })
	}
	mux.HandleFunc("GET /table", s.table)
	mux.HandleFunc("GET /rule", s.rule)
	mux.HandleFunc("GET /rollout", s.rollout)
	mux.HandleFunc("GET /trail/stream", s.stream)
	mux.HandleFunc("GET /chart", s.chart)
	mux.HandleFunc("POST /look", s.lookAgain)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, r, http.StatusNotFound, "There is no such page.")
	})
	return mux
}

// routes are all that is served: the log-in, and inside behind it.
func (c *Console) routes(inside http.Handler) http.Handler {
	known := http.NewServeMux()
	known.HandleFunc("POST /logout", c.logout)
	known.Handle("/", inside)

	open := http.NewServeMux() // what is served before anybody has logged in
	open.HandleFunc("GET /login", c.loginPage)
	open.HandleFunc("POST /login", c.login)
	files, err := fs.Sub(static, "static")
	if err != nil { // the folder is embedded under this name
		panic(err)
	}
	open.Handle("GET /static/", http.StripPrefix("/static/", http.FileServerFS(files)))
	open.Handle("/", c.known(known))
	// Requests that another site's page makes change nothing here: SameSite cookies, and the browser's word on where they come from.
	return c.guarded(http.NewCrossOriginProtection().Handler(open))
}

// policy is what a page may load: its own styles, scripts and pictures, and nothing that stands in the page itself.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// guarded sets what holds for every answer, and refuses names that are not this console's.
func (c *Console) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if !slices.Contains(c.o.Hosts, r.Host) {
			http.Error(w, "This console does not go by that name.", http.StatusMisdirectedRequest)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, bodyLimit)
		next.ServeHTTP(w, r)
	})
}
