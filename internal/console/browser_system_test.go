//go:build system

package console

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringfencehq/ringfence/internal/bench"
	"github.com/ringfencehq/ringfence/internal/browsertest"
	"github.com/ringfencehq/ringfence/internal/fleet"

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
	s := newSite(t, Options{Database: Database{Look: looked(150), Events: e.read, Bench: []*bench.Document{timed(), timed()}}})
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

	everybody(t, b, s, dir, append(pages(), page{Path: "/table?name=" + url.QueryEscape(hostile), Name: "table"})...)
	b.Click("header form button", "#token")
	b.Go(s.URL+"/matrix", "#token") // out is out
}

// everybody asks of each page, light and dark, whether everybody can use it, and keeps a picture; then on paper, and on a phone.
func everybody(t *testing.T, b *browsertest.Tab, s *site, dir string, all ...page) {
	t.Helper()
	for _, scheme := range []string{"light", "dark"} {
		b.Scheme(scheme)
		for _, p := range all {
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
	b.Paper("dark")
	for _, p := range all {
		b.Go(s.URL+p.Path, "h1")
		if got := browsertest.Eval[string](b, `getComputedStyle(document.querySelector("h1")).color`); got != "rgb(0, 0, 0)" {
			t.Errorf("%s is printed in %s", p.Path, got)
		}
		if got := browsertest.Eval[string](b, `getComputedStyle(document.documentElement).getPropertyValue("--bg")`); got != "#fff" {
			t.Errorf("%s is printed on %s", p.Path, got)
		}
	}
	b.Scheme("light")
	b.Size(phone, 844)
	for _, p := range all {
		b.Go(s.URL+p.Path, "h1")
		if got := browsertest.Eval[int64](b, `document.documentElement.scrollWidth`); got > phone {
			t.Errorf("%s is %d pixels wide on a phone of %d", p.Path, got, phone)
		}
	}
	b.Size(1280, 900)
}

// phone is the width of a small screen.
const phone = 390

// TestSystemBrowserFleet goes from the list of a hundred databases to the statement behind a leak in the worst of them, and back.
func TestSystemBrowserFleet(t *testing.T) {
	var all []Database
	for i := range 97 {
		all = append(all, answered(fmt.Sprintf("tenants-%02d", i), told(fleet.Verdicts()[1+i%2], i%2)))
	}
	worst := answered("tenants-<i>worst</i>", told(fleet.Found, 40))
	gone := Database{Name: "tenants-gone", Groups: []string{"prod"}, Look: func(context.Context) (*Posture, error) {
		return nil, errors.New("connecting to 10.0.0.7: connection refused")
	}}
	s := newSite(t, Options{Fleet: append(all, worst, gone, answered("tenants-found", told(fleet.Found, 2)))})
	s.reads(t)
	b, dir := browsertest.Open(t), pictures(t)
	b.Go(s.URL+"/login#token="+url.QueryEscape(token), "table.fleet")
	if got := b.Text("table.fleet tbody tr:first-child th a"); got != worst.Name {
		t.Errorf("the worst is %q", got)
	}
	b.Click("table.fleet tbody tr:first-child th a", "dl.counts")
	if got := b.Text(".bar strong"); got != worst.Name {
		t.Errorf("the worst leads to %q", got)
	}
	b.Click(`nav a[href$="/matrix"]`, "table.matrix")
	b.Click("table.matrix tbody tr:last-child td a", "article.cell")
	if got := b.Text("article.cell pre"); !strings.HasPrefix(got, "SELECT * FROM") {
		t.Errorf("the statement is %q", got)
	}
	b.Click(`nav a[href="/"]`, "table.fleet")
	b.Do(chromedp.SendKeys("input[name=q]", "gone\r"), chromedp.WaitVisible("table.fleet td .unknown"))
	if got := b.Text("table.fleet tbody tr:first-child td:first-child"); got != "unknown" {
		t.Errorf("one that cannot be reached is %q", got)
	}
	everybody(t, b, s, dir, page{Path: "/", Name: "fleet"}, page{Path: "/db/tenants-found/", Name: "fleet-database"})
}
