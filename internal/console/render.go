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
)

//go:embed templates
var templates embed.FS

// A view is what every template is given: the frame, and the page's own part as Page.
type view struct {
	Title  string
	Path   string
	Menu   []page
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

// render writes a page whole or, where its template cannot be filled in, an error.
func (c *Console) render(w http.ResponseWriter, r *http.Request, name, title string, own any) {
	c.renderAs(http.StatusOK, w, r, name, title, own)
}

func (c *Console) renderAs(status int, w http.ResponseWriter, r *http.Request, name, title string, own any) {
	p, failed, tried := c.state.seen()
	v := view{Title: title, Path: r.URL.Path, Menu: pages(), Failed: failed, Tried: tried, Logged: c.logins.holds(r), Page: own}
	if p != nil {
		v.At, v.Server = p.At, &p.Audit.Server
	}
	var b bytes.Buffer
	if err := parsed[name].ExecuteTemplate(&b, "frame.html", v); err != nil {
		c.o.Log.Error("a page could not be rendered", "page", name, "error", err)
		http.Error(w, "the page could not be rendered", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // a reader that went away is no fault
}

// fail answers with an error page.
func (c *Console) fail(w http.ResponseWriter, r *http.Request, status int, why string) {
	c.renderAs(status, w, r, "error", http.StatusText(status), why)
}

// posture returns the latest Posture, or answers that there is none.
func (c *Console) posture(w http.ResponseWriter, r *http.Request) *Posture {
	p, _, _ := c.state.seen()
	if p == nil {
		c.fail(w, r, http.StatusServiceUnavailable, "The database could not be read yet, so nothing is known of it.")
	}
	return p
}

// lookAgain reads the database anew and leads back.
func (c *Console) lookAgain(w http.ResponseWriter, r *http.Request) {
	c.state.refresh(r.Context())
	http.Redirect(w, r, "/", http.StatusSeeOther)
}
