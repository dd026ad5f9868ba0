package console

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/ringfencehq/ringfence/internal/report"
	"github.com/ringfencehq/ringfence/internal/visible"
)

//go:embed templates
var templates embed.FS

// A view is what every template is given: the frame, and the page's own part as Page.
type view struct {
	Title  string
	Fleet  bool   // there is a list of databases to go back to
	Base   string // of the paths of the pages, where one database is shown
	Path   string
	Menu   []page
	Name   string // of the database, in a fleet
	Server *report.Server
	At     time.Time
	Failed string // why nothing newer can be seen
	Tried  time.Time
	Logged bool
	Page   any
}

var functions = template.FuncMap{
	"stations": report.Stations, "values": report.Values, "variant": report.Variant, "join": strings.Join,
	"time":  func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") },
	"lower": strings.ToLower,
	"spell": func(s string) string { return strings.ReplaceAll(s, "_", " ") },
	"major": func(num int) string { return fmt.Sprintf("%d.%d", num/10000, num%10000) },
	"query": func(pairs ...string) template.URL {
		q := url.Values{}
		for i := 0; i+1 < len(pairs); i += 2 {
			if pairs[i+1] != "" {
				q.Set(pairs[i], pairs[i+1])
			}
		}
		return template.URL(q.Encode())
	},
	"short": func(s string) string {
		if r := []rune(s); len(r) > boxLetters {
			return "…" + string(r[len(r)-boxLetters+1:])
		}
		return s
	},
	"add":     func(a, b int) int { return a + b },
	"last":    func(n int) int { return n - 1 },
	"columns": func() []string { return report.Columns },
	"ms":      func(v float64) string { return strconv.FormatFloat(v, 'f', 2, 64) + " ms" },
}

// parsed holds one template set a page: the frame and the page's own file.
var parsed = func() map[string]*template.Template {
	out := map[string]*template.Template{}
	frame := template.Must(template.New("frame.html").Funcs(functions).ParseFS(templates, "templates/frame.html", "templates/parts.html"))
	files, err := templates.ReadDir("templates")
	if err != nil { // embedded under this name
		panic(err)
	}
	for _, f := range files {
		name, _ := strings.CutSuffix(f.Name(), ".html")
		out[name] = template.Must(template.Must(frame.Clone()).ParseFS(templates, "templates/"+f.Name()))
	}
	return out
}()

// render writes a page whole or, where its template cannot be filled in, an error. s is the database that it is about; nil: none.
func (c *Console) render(w http.ResponseWriter, r *http.Request, status int, s *subject, name, title string, own any) {
	v := view{Title: title, Fleet: c.fleet != nil, Path: r.URL.Path, Logged: c.logins.holds(r), Page: own}
	if s != nil {
		v.Base, v.Menu, v.Name = s.base, pages(), s.Name
		var p *Posture
		if p, v.Failed, v.Tried = s.state.seen(); p != nil {
			v.At, v.Server = p.At, &p.Audit.Server
		}
	}
	var b bytes.Buffer
	if err := parsed[name].ExecuteTemplate(&b, "frame.html", v); err != nil {
		c.o.Log.Error("a page could not be rendered", "page", name, "error", err)
		http.Error(w, "the page could not be rendered", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(visible.Page(b.Bytes())) // a reader that went away is no fault
}

// render writes one of the database's pages.
func (s *subject) render(w http.ResponseWriter, r *http.Request, name, title string, own any) {
	s.c.render(w, r, http.StatusOK, s, name, title, own)
}

// fail answers with an error page.
func (s *subject) fail(w http.ResponseWriter, r *http.Request, status int, why string) {
	s.c.render(w, r, status, s, "error", http.StatusText(status), why)
}

// posture returns the latest Posture, or answers that there is none.
func (s *subject) posture(w http.ResponseWriter, r *http.Request) *Posture {
	p, _, _ := s.state.seen()
	if p == nil {
		s.fail(w, r, http.StatusServiceUnavailable, "The database could not be read yet, so nothing is known of it.")
	}
	return p
}

// lookAgain reads the database anew and leads back.
func (s *subject) lookAgain(w http.ResponseWriter, r *http.Request) {
	s.state.refresh(r.Context())
	http.Redirect(w, r, s.base+"/", http.StatusSeeOther)
}
