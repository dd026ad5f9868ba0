//go:build system

package console

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringfencehq/ringfence/internal/bench"
	"github.com/ringfencehq/ringfence/internal/browsertest"

	"github.com/chromedp/chromedp"
)

// pictures is where the test leaves what it saw: RINGFENCE_PICTURES, or nowhere that stays.
func pictures(t *testing.T) string {
	if dir := os.Getenv("RINGFENCE_PICTURES"); dir != "" {
		return dir
	}
	return t.TempDir()
}

// TestSystemBrowser goes through the console as a reader does: in by the link, from the matrix to the statement behind a leak, along
// the trail as it happens, and out. Each page, light and dark, is one that everybody can use.
func TestSystemBrowser(t *testing.T) {
	var e events
	e.add(1, "mallory")
	s := newSite(t, Options{Look: looked(150), Events: e.read, Bench: []*bench.Document{timed(), timed()}})
	b, dir := browsertest.Open(t), pictures(t)

	b.Go(s.URL+"/login", "#token")
	b.Go(s.URL+"/login#token="+url.QueryEscape(token), "nav")
	if got := b.Text("h1"); got != "Overview" {
		t.Fatalf("the link leads to %q", got)
	}
	b.Click(`nav a[href="/matrix"]`, "table.matrix")
	b.Do(chromedp.SendKeys("input[name=q]", "kind_0007\r"), chromedp.WaitVisible("table.matrix"))
	b.Click("table.matrix td a", "article.cell")
	if got := b.Text("h1"); got != "public.orders_of_a_kind_0007" {
		t.Errorf("the matrix leads to %q", got)
	}
	if got := b.Text("article.cell pre"); !strings.HasPrefix(got, "SELECT * FROM") {
		t.Errorf("the statement is %q", got)
	}
	b.Click(`nav a[href="/findings"]`, "article.finding")
	b.Click("article.finding summary", "article.finding pre")
	b.Click(`nav a[href="/trail"]`, "#events")
	b.Do(chromedp.WaitVisible("#pause"))
	for b.Text("#live") != "Live." {
		b.Do(chromedp.WaitVisible("#live"))
	}
	for id := byte(2); !strings.Contains(b.Text("#events"), "newcomer"); id++ { // the first look at the table may come after the first event
		e.add(id, "newcomer")
		b.Do(chromedp.Sleep(pollEvery / 2))
	}
	b.Click("#pause", "#live")
	if got := b.Text("#live"); got != "Paused." {
		t.Errorf("paused: %q", got)
	}

	for _, scheme := range []string{"light", "dark"} {
		b.Scheme(scheme)
		for _, p := range append(pages(), page{Path: "/table?name=" + url.QueryEscape(hostile), Name: "table"}) {
			b.Go(s.URL+p.Path, "h1")
			for _, v := range b.Axe() {
				t.Errorf("%s, %s: %s (%s): %s", p.Path, scheme, v.ID, v.Impact, v.Help)
				for _, n := range v.Nodes[:min(2, len(v.Nodes))] {
					t.Logf("  %s", n.HTML)
				}
			}
			b.Picture(filepath.Join(dir, "console-"+strings.ReplaceAll(strings.ToLower(p.Name), " ", "-")+"-"+scheme+".png"))
		}
	}
	b.Click("header form button", "#token")
	b.Go(s.URL+"/matrix", "#token") // out is out
}
