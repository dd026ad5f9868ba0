// Package site makes pages for a browser of the documentation in docs/: one HTML file for each Markdown file, with links between them
// that work in a folder as on a server. The text is written once, in docs/.
package site

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Parse(pageText))

// A Page is one page of the documentation.
type Page struct {
	Path    string // below docs/, as howto/go.md
	Title   string // its first heading
	Anchors []string
	Links   []string // as they stand in the text
	doc     ast.Node
	source  []byte
}

// Read reads all pages of fsys, by path.
func Read(fsys fs.FS) ([]Page, error) {
	var out []Page
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) != ".md" {
			return err
		}
		source, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		out = append(out, parse(name, source))
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the documentation: %w", err)
	}
	return out, nil
}

// markdown is as code hosts have it: tables, and headings that can be linked to. HTML in a page is let through: the pages are the
// project's own, and what they become may load and run nothing.
var markdown = goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithRendererOptions(html.WithUnsafe()),
	goldmark.WithParserOptions(parser.WithAutoHeadingID(), parser.WithASTTransformers(util.Prioritized(relink{}, 100))))

func parse(name string, source []byte) Page {
	p := Page{Path: name, Title: name, source: source}
	p.doc = markdown.Parser().Parse(text.NewReader(source))
	_ = ast.Walk(p.doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) { // the walker below gives no error
		switch n := n.(type) {
		case *ast.Heading:
			if !entering {
				break
			}
			if id, ok := n.AttributeString("id"); ok {
				p.Anchors = append(p.Anchors, string(id.([]byte)))
			}
			if n.Level == 1 && p.Title == name {
				p.Title = strings.Trim(string(n.Lines().Value(source)), " `")
			}
		case *ast.HTMLBlock:
			if entering {
				p.Anchors = append(p.Anchors, anchorsIn(string(n.Lines().Value(source)))...)
			}
		case *ast.RawHTML:
			if entering {
				p.Anchors = append(p.Anchors, anchorsIn(string(n.Segments.Value(source)))...)
			}
		case *ast.Link:
			if given, ok := n.AttributeString(given); ok && entering {
				p.Links = append(p.Links, given.(string))
			}
		}
		return ast.WalkContinue, nil
	})
	return p
}

// anchorsIn are the names that HTML in a page gives to a place: <a id="…">.
func anchorsIn(raw string) []string {
	var out []string
	for part := range strings.SplitSeq(raw, `<a id="`) {
		if id, _, ok := strings.Cut(part, `">`); ok {
			out = append(out, id)
		}
	}
	return out
}

// given is the attribute that keeps a link as it stands in the text.
const given = "data-given"

// relink has links between pages lead to the HTML files.
type relink struct{}

// Transform changes the links of one page.
func (relink) Transform(doc *ast.Document, _ text.Reader, _ parser.Context) {
	_ = ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) { // the walker below gives no error
		if l, ok := n.(*ast.Link); ok && entering {
			to := string(l.Destination)
			l.SetAttributeString(given, to)
			if file, anchor, _ := strings.Cut(to, "#"); path.Ext(file) == ".md" && !strings.Contains(to, "://") {
				l.Destination = []byte(strings.TrimSuffix(file, ".md") + ".html")
				if anchor != "" {
					l.Destination = append(l.Destination, "#"+anchor...)
				}
			}
		}
		return ast.WalkContinue, nil
	})
}

// HTML renders the page whole.
func (p Page) HTML() ([]byte, error) {
	var body, out bytes.Buffer
	if err := markdown.Renderer().Render(&body, p.source, p.doc); err != nil {
		return nil, fmt.Errorf("rendering %s: %w", p.Path, err)
	}
	up := strings.Repeat("../", strings.Count(p.Path, "/"))
	err := page.Execute(&out, map[string]any{"Title": p.Title, "Up": up, "Body": template.HTML(body.String())})
	return out.Bytes(), err
}

// Text is the page as it was written.
func (p Page) Text() []byte { return p.source }

// Write writes all pages as HTML below dir.
func Write(dir string, pages []Page) error {
	for _, p := range pages {
		text, err := p.HTML()
		if err != nil {
			return err
		}
		file := filepath.Join(dir, filepath.FromSlash(strings.TrimSuffix(p.Path, ".md")+".html"))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return fmt.Errorf("writing the documentation: %w", err)
		}
		if err := os.WriteFile(file, text, 0o644); err != nil {
			return fmt.Errorf("writing the documentation: %w", err)
		}
	}
	return nil
}
