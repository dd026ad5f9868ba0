//go:build system

package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/ringfencehq/ringfence/internal/browsertest"
)

// A person logs in by PIN, talks, orders, and tries every attack of the page in a real browser: each is refused, and on the trail.
// With RINGFENCE_PICTURES the page is photographed into that directory.
func TestSystemPage(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	origin := "http://" + l.Addr().String()
	s, err := startStack(t.Context(), t.TempDir(), stackOptions{page: origin})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
	})
	p, err := newPage(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	web := &http.Server{Handler: p}
	go func() { _ = web.Serve(l) }()
	t.Cleanup(func() { _ = web.Close() })

	tab := browsertest.Open(t)
	tab.Allow("status of 401") // what the attacks are answered with
	tab.Allow("status of 403")
	tab.Go(origin, "#hint")
	tab.Until(`document.querySelectorAll("#person option").length > 0`)
	photograph(t, tab, "login")
	if broken := tab.Axe(); len(broken) > 0 {
		t.Errorf("logged out the page breaks %+v", broken)
	}

	tab.Do(chromedp.SendKeys("#pin", "0000\r"))
	tab.Until(`document.querySelector("#login-said").textContent.startsWith("Not accepted")`)
	tab.Do(chromedp.SendKeys("#pin", s.system.People[0].PIN+"\r"), chromedp.WaitVisible("#talk"))
	tab.Do(chromedp.SendKeys("#sentence", "One pizza margherita and a tiramisu\r"), chromedp.WaitVisible(".lines .order"), chromedp.WaitVisible(".lines .sound"))
	if got := tab.Text(".lines .order"); got != "Ordered: pizza margherita, tiramisu" {
		t.Errorf("the order is %q", got)
	}
	tab.Until(`document.querySelector("#orders li").textContent.includes("pizza margherita")`)

	buttons := browsertest.Eval[int](tab, `document.querySelectorAll("#attacks button").length`)
	if buttons < 15 {
		t.Fatalf("the page has %d attacks", buttons)
	}
	for n := range buttons {
		button := fmt.Sprintf(`document.querySelectorAll("#attacks button")[%d]`, n)
		browsertest.Eval[bool](tab, button+`.click(), true`)
		tab.Until(button + `.dataset.done === "yes"`)
		if result := browsertest.Eval[string](tab, button+`.querySelector(".result").className`); result != "result good" {
			t.Errorf("%s", browsertest.Eval[string](tab, button+".innerText"))
		}
	}
	photograph(t, tab, "attacked")
	if broken := tab.Axe(); len(broken) > 0 {
		t.Errorf("logged in the page breaks %+v", broken)
	}
	tab.Scheme("dark")
	photograph(t, tab, "dark")
	if broken := tab.Axe(); len(broken) > 0 {
		t.Errorf("in the dark the page breaks %+v", broken)
	}
	tab.Scheme("light")
	tab.Click("#leave", "#login")
}

func photograph(t *testing.T, tab *browsertest.Tab, name string) {
	if dir := os.Getenv("RINGFENCE_PICTURES"); dir != "" {
		tab.Picture(filepath.Join(dir, "restaurant-"+name+".png"))
	}
}
