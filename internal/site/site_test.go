package site

import (
	"bytes"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/ringfencehq/ringfence/docs"
)

func pages(t *testing.T) []Page {
	t.Helper()
	all, err := Read(docs.Pages)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 10 {
		t.Fatalf("%d pages", len(all))
	}
	return all
}

// broken lists the links of pages that lead nowhere: to a page, a heading or a file that is not there. root is the repository.
func broken(all []Page, root string) []string {
	var out []string
	for _, p := range all {
		for _, link := range p.Links {
			if strings.Contains(link, "://") {
				continue
			}
			file, anchor, _ := strings.Cut(link, "#")
			to := p.Path
			if file != "" {
				to = path.Join(path.Dir(p.Path), file)
			}
			at := slices.IndexFunc(all, func(q Page) bool { return q.Path == to })
			switch {
			case at < 0:
				if _, err := os.Stat(filepath.Join(root, "docs", filepath.FromSlash(to))); err != nil || path.Ext(to) == ".md" {
					out = append(out, p.Path+" → "+link)
				}
			case anchor != "" && !slices.Contains(all[at].Anchors, anchor):
				out = append(out, p.Path+" → "+link)
			}
		}
	}
	return out
}

// Every link of the documentation leads somewhere.
func TestLinks(t *testing.T) {
	for _, b := range broken(pages(t), filepath.Join("..", "..")) {
		t.Error(b)
	}
	bad, err := Read(fstest.MapFS{"a.md": {Data: []byte("# A\n\n[x](b.md) [y](#no) [z](a.md#a) [w](#here)\n\n<a id=\"here\"></a>\n")}})
	if err != nil {
		t.Fatal(err)
	}
	if got := broken(bad, "."); !slices.Equal(got, []string{"a.md → b.md", "a.md → #no"}) {
		t.Errorf("of broken links: %q", got)
	}
}

// Every page is led to from the index, directly or over others.
func TestEveryPageIsReached(t *testing.T) {
	all := pages(t)
	reached, next := map[string]bool{}, []string{"index.md"}
	for len(next) > 0 {
		name := next[0]
		next = next[1:]
		if reached[name] {
			continue
		}
		reached[name] = true
		for _, p := range all {
			if p.Path != name {
				continue
			}
			for _, link := range p.Links {
				file, _, _ := strings.Cut(link, "#")
				if file != "" && !strings.Contains(link, "://") {
					next = append(next, path.Join(path.Dir(name), file))
				}
			}
		}
	}
	for _, p := range all {
		if !reached[p.Path] {
			t.Errorf("nothing leads to %s", p.Path)
		}
	}
}

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	if err := Write(dir, pages(t)); err != nil {
		t.Fatal(err)
	}
	html, err := os.ReadFile(filepath.Join(dir, "howto", "go.html"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`href="../library.html"`, `href="../index.html"`, "<title>Go · Ringfence</title>", "<h1 id=\"go\">Go</h1>"} {
		if !bytes.Contains(html, []byte(want)) {
			t.Errorf("howto/go.html does not hold %s", want)
		}
	}
}
