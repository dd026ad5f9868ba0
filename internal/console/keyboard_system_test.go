//go:build system

package console

import (
	"net/url"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/ringfencehq/ringfence/internal/browsertest"
)

// TestSystemBrowserKeyboard walks through every page by the keyboard alone: the first stop leads past the menu, and each stop is in the
// window when it is reached and is drawn with an outline.
func TestSystemBrowserKeyboard(t *testing.T) {
	var e events
	e.add(1, "mallory")
	s := newSite(t, Options{Database: Database{Look: looked(3), Events: e.read}})
	b := browsertest.Open(t)
	b.Go(s.URL+"/login#token="+url.QueryEscape(token), "nav")
	for _, p := range append(pages(), page{Path: "/table?name=" + url.QueryEscape(hostile)}) {
		b.Go(s.URL+p.Path, "h1")
		b.Do(chromedp.KeyEvent("\t"))
		if got := browsertest.Eval[string](b, `document.activeElement.className`); got != "skip" {
			t.Errorf("%s: the first stop is %q", p.Path, got)
		}
		b.Do(chromedp.KeyEvent("\r"))
		if got := browsertest.Eval[string](b, `location.hash + document.activeElement.id`); got != "#mainmain" {
			t.Errorf("%s: the first stop leads to %q", p.Path, got)
		}
		b.Go(s.URL+p.Path, "h1")
		for stop := range 60 {
			b.Do(chromedp.KeyEvent("\t"))
			bad := browsertest.Eval[string](b, `(() => {
				const a = document.activeElement;
				if (a === document.body) return "end";
				const box = a.getBoundingClientRect();
				if (box.right <= 0 || box.bottom <= 0 || box.left >= innerWidth || box.top >= innerHeight) return a.outerHTML.slice(0, 80) + " is out of sight";
				return getComputedStyle(a).outlineStyle === "none" ? a.outerHTML.slice(0, 80) + " has no outline" : "";
			})()`)
			if bad == "end" {
				break
			}
			if bad != "" {
				t.Errorf("%s, stop %d: %s", p.Path, stop, bad)
			}
		}
	}
}
