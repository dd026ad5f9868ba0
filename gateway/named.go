package gateway

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	ringfence "github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/gateway/internal/scan"
)

// bodyRules are the names that hold a tenant in bodies, made ready.
type bodyRules struct {
	names    scan.Names
	texts    []string
	scanners sync.Pool
}

func bodyNames(names []string) (*bodyRules, error) {
	b := &bodyRules{texts: names}
	for _, n := range names {
		if _, err := b.names.Anywhere(n); err != nil {
			return nil, fmt.Errorf("http.json: %w", err)
		}
	}
	b.scanners.New = func() any { return scan.NewScanner(&b.names, 0) }
	return b, nil
}

var errPath = errors.New("a path that servers read differently")

// named holds every tenant that a request names outside its body against the token's. nil: none is foreign.
func (st *settings) named(r *http.Request, own ringfence.Tenant) *fault {
	q := st.cfg.HTTP.Query
	if len(q) > 0 {
		values, err := url.ParseQuery(r.URL.RawQuery)
		if err != nil {
			return &fault{event: ringfence.MessageMalformed, reason: "query"}
		}
		if f := st.form(values, q, own); f != nil {
			return f
		}
	}
	for _, name := range st.cfg.HTTP.Headers {
		for present, values := range r.Header {
			if plainName(present) != plainName(name) {
				continue
			}
			for _, v := range values {
				if f := st.text(v, own, "header"); f != nil {
					return f
				}
			}
		}
	}
	for _, pattern := range st.cfg.HTTP.Paths {
		if text, ok := inPath(r.URL.Path, pattern); ok {
			if f := st.text(text, own, "path"); f != nil {
				return f
			}
		}
	}
	return nil
}

// form holds the values of the names against the tenant.
func (st *settings) form(values url.Values, names []string, own ringfence.Tenant) *fault {
	for key, all := range values {
		if !isParameter(key, names) {
			continue
		}
		for _, v := range all {
			if f := st.text(v, own, "parameter"); f != nil {
				return f
			}
		}
	}
	return nil
}

// isParameter reports whether a parameter's name is one of names to some reader: whatever its letter case, between brackets and
// dots, with characters that do not show, and with what PHP reads as an underscore.
func isParameter(key string, names []string) bool {
	shown := strings.Map(func(r rune) rune {
		if hidden(r) {
			return -1
		}
		return r
	}, key)
	forms := strings.FieldsFunc(shown, func(r rune) bool { return strings.ContainsRune("[].", r) })
	forms = append(forms, asPHP.Replace(strings.TrimSpace(shown)))
	return slices.ContainsFunc(forms, func(form string) bool {
		return slices.ContainsFunc(names, func(n string) bool {
			return strings.EqualFold(strings.TrimSpace(form), n) || strings.EqualFold(form, asPHP.Replace(n))
		})
	})
}

var asPHP = strings.NewReplacer(" ", "_", ".", "_", "[", "_")

// text holds one tenant key's text against the tenant.
func (st *settings) text(v string, own ringfence.Tenant, where string) *fault {
	if blank([]byte(v)) {
		return &fault{event: ringfence.TenantMissing, reason: where}
	}
	named, err := st.cfg.Tenant.Kind.Parse(v)
	switch {
	case err != nil:
		return &fault{event: ringfence.TenantMalformed, reason: where, attempted: clip(v, 256)}
	case named != own:
		return &fault{event: ringfence.CrossTenant, reason: where, attempted: clip(v, 256)}
	}
	return nil
}

// inPath returns the part of a path that stands where a pattern has {tenant}, if the path is of the pattern or below it.
func inPath(p, pattern string) (string, bool) {
	have, want := strings.Split(p, "/"), strings.Split(pattern, "/")
	if len(have) < len(want) {
		return "", false
	}
	tenant := ""
	for i, w := range want {
		switch {
		case w == "{tenant}":
			tenant = have[i]
		case strings.HasPrefix(w, "{") && strings.HasSuffix(w, "}"):
		case !strings.EqualFold(w, have[i]):
			return "", false
		}
	}
	return tenant, true
}

// servable reports whether rules that go by path can be held against a request's: no dot segments, empty parts, backslashes,
// encoded separators, escapes of escapes, characters that do not show, dots or white space behind a part, and nothing that is not
// UTF-8, which one server resolves or leaves out and the next does not.
func (st *settings) servable(u *url.URL) error {
	if len(st.cfg.HTTP.Paths)+len(st.cfg.HTTP.Refuse) == 0 {
		return nil
	}
	raw := strings.ToLower(u.EscapedPath())
	clean := path.Clean("/" + u.Path)
	if strings.HasSuffix(u.Path, "/") && clean != "/" {
		clean += "/"
	}
	if clean != u.Path || strings.ContainsAny(u.Path, "\\;") || strings.Contains(raw, "%2f") || strings.Contains(raw, "%5c") || !utf8.ValidString(u.Path) {
		return errPath
	}
	for part := range strings.SplitSeq(u.Path, "/") {
		if escaped.MatchString(part) || strings.TrimRight(part, ". ") != part || strings.ContainsFunc(part, hidden) {
			return errPath
		}
	}
	return nil
}

// escaped finds an escape in a path whose escapes were read already.
var escaped = regexp.MustCompile("%[0-9A-Fa-f]{2}")

// hidden reports whether a character of a path shows nothing; a space within a name is one that names have.
func hidden(r rune) bool { return r != ' ' && invisible(r) }

// withheld reports whether a path is one that is not served at all.
func (st *settings) withheld(p string) bool {
	p = strings.ToLower(p)
	return slices.ContainsFunc(st.cfg.HTTP.Refuse, func(prefix string) bool {
		prefix = strings.ToLower(strings.TrimSuffix(prefix, "/"))
		return p == prefix || strings.HasPrefix(p, prefix+"/")
	})
}

// judgeBody reads a body whole where names in it are to be judged, judges it, and puts the same bytes in its place.
func (st *settings) judgeBody(r *http.Request, own ringfence.Tenant) *fault {
	if len(st.body.texts) == 0 || r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	if r.Header.Get("Content-Encoding") != "" {
		return &fault{event: ringfence.MessageMalformed, reason: "body_encoded"}
	}
	if len(r.Header.Values("Content-Type")) > 1 {
		return &fault{event: ringfence.MessageMalformed, reason: "body_types"}
	}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if strings.HasPrefix(kind, "multipart/") {
		return &fault{event: ringfence.MessageForbidden, reason: "body_multipart"}
	}
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return bodyFault(err)
	}
	r.Body, r.ContentLength, r.TransferEncoding = io.NopCloser(bytes.NewReader(text)), int64(len(text)), nil
	if len(text) == 0 {
		return nil
	}
	if kind == "application/x-www-form-urlencoded" {
		values, err := url.ParseQuery(string(text))
		if err != nil {
			return &fault{event: ringfence.MessageMalformed, reason: "body_form"}
		}
		if f := st.form(values, st.body.texts, own); f != nil || !beginsJSON(text) {
			return f
		}
	}
	return st.judgeJSON(text, own)
}

// beginsJSON reports whether a text could be an object or an array, which some servers read whatever type it is said to be of.
func beginsJSON(text []byte) bool {
	rest := bytes.TrimLeft(text, " \t\r\n\ufeff")
	return len(rest) > 0 && (rest[0] == '{' || rest[0] == '[')
}

func (st *settings) judgeJSON(text []byte, own ringfence.Tenant) *fault {
	sc := st.body.scanners.Get().(*scan.Scanner)
	defer st.body.scanners.Put(sc)
	if code := sc.ScanAny(text); code != scan.OK {
		return &fault{event: ringfence.MessageMalformed, reason: code.String()}
	}
	for _, h := range sc.Hits {
		value := sc.Bytes(h)
		if h.Kind == scan.String {
			value = sc.Text(h)
		}
		switch st.cfg.Tenant.Kind.stand(h, value, own) {
		case standsOther:
			return &fault{event: ringfence.CrossTenant, reason: "body", attempted: clip(string(value), 256)}
		case standsMissing:
			return &fault{event: ringfence.TenantMissing, reason: "body"}
		case standsMalformed:
			return &fault{event: ringfence.TenantMalformed, reason: "body", attempted: clip(string(value), 256)}
		}
	}
	return nil
}

// bodyFault tells a body over the limit from one that could not be read.
func bodyFault(err error) *fault {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return &fault{event: ringfence.MessageOversize, reason: "body"}
	}
	return &fault{event: ringfence.MessageMalformed, reason: "body_cut"}
}
