// Package browsertest drives a headless Chromium for tests of pages: it clicks, types, takes pictures, and asks axe-core whether the
// page can be used by everybody. A browser that is not there fails the test, and so does an error that the page's console shows.
package browsertest

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/chromedp"
)

// axePackage is the npm package of axe-core, pinned.
const axePackage = "axe-core@4.14.1"

// patience is how long one step may take.
const patience = 30 * time.Second

// A Tab is one page in a browser of its own, which ends with the test.
type Tab struct {
	t   *testing.T
	ctx context.Context

	mu      sync.Mutex
	errs    []string
	allowed []string
}

// Open starts Chromium with an empty page. What the browser logs as an error (a refused script, a missing file) fails the test at
// its end.
func Open(t *testing.T) *Tab {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatalf("there is no browser: %v (Debian's package chromium)", err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.WindowSize(1280, 900))
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, end := chromedp.NewContext(allocator)
	tab := &Tab{t: t, ctx: ctx}
	t.Cleanup(func() {
		end()
		stop()
		tab.mu.Lock()
		defer tab.mu.Unlock()
		for _, e := range tab.errs {
			if !slices.ContainsFunc(tab.allowed, func(part string) bool { return strings.Contains(e, part) }) {
				t.Errorf("the browser says: %s", e)
			}
		}
	})
	logged := chromedp.Events(ctx, log.EntryAdded)
	go func() {
		for e, err := range logged {
			if err != nil {
				return // the browser has ended
			}
			if e.Entry != nil && e.Entry.Level == log.EntryLevelError {
				tab.mu.Lock()
				tab.errs = append(tab.errs, e.Entry.Text+" "+e.Entry.URL)
				tab.mu.Unlock()
			}
		}
	}()
	return tab
}

// Allow lets errors pass that have a text in them: a request that the test wants to be refused.
func (b *Tab) Allow(part string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.allowed = append(b.allowed, part)
}

// Do runs steps, in order.
func (b *Tab) Do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatalf("in the browser: %v", err)
	}
}

// Go opens a page and waits for what the selector names. A bare string would be searched for in texts too.
func (b *Tab) Go(url string, selector chromedp.CSS) {
	b.t.Helper()
	b.Do(chromedp.Navigate(url), chromedp.WaitVisible(selector))
}

// Click clicks what the selector names and waits for what wait names.
func (b *Tab) Click(selector, wait chromedp.CSS) {
	b.t.Helper()
	b.Do(chromedp.Click(selector), chromedp.WaitVisible(wait))
}

// Text is the text of what the selector names.
func (b *Tab) Text(selector chromedp.CSS) string {
	b.t.Helper()
	return run(b, chromedp.Text(selector))
}

// Scheme has the page believe that its reader likes it light or dark.
func (b *Tab) Scheme(name string) {
	b.t.Helper()
	b.media("screen", name)
}

// Paper has the page believe that it is printed, by a reader who likes it light or dark.
func (b *Tab) Paper(scheme string) {
	b.t.Helper()
	b.media("print", scheme)
}

func (b *Tab) media(medium, scheme string) {
	b.t.Helper()
	run(b, func(ctx context.Context, _ *chromedp.Target) (chromedp.Void, error) {
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: medium, Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
		return chromedp.Void{}, err
	})
}

// Size makes the window so many pixels wide and high.
func (b *Tab) Size(width, height int64) {
	b.t.Helper()
	run(b, func(ctx context.Context, _ *chromedp.Target) (chromedp.Void, error) {
		_, err := chromedp.Call(ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: 1})
		return chromedp.Void{}, err
	})
}

// Picture writes what is to be seen to a PNG file.
func (b *Tab) Picture(file string) {
	b.t.Helper()
	png := run(b, chromedp.CaptureScreenshot())
	if err := os.WriteFile(file, png, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// Until waits until an expression of the page's own language is true.
func (b *Tab) Until(js string) {
	b.t.Helper()
	run(b, chromedp.Poll[bool](js))
}

// Eval is what an expression of the page's own language gives.
func Eval[T any](b *Tab, js string) T {
	b.t.Helper()
	return run(b, chromedp.Evaluate[T](js))
}

// A Violation is a rule of axe-core that the page breaks.
type Violation struct {
	ID, Impact, Help string
	Nodes            []struct{ HTML string }
}

// Axe reports where the page cannot be used by everybody: WCAG 2.2 level AA, by axe-core.
func (b *Tab) Axe() []Violation {
	b.t.Helper()
	run(b, chromedp.Evaluate[bool](axe(b.t)+"; true"))
	raw := run(b, chromedp.Evaluate[string](`axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}).then(r => JSON.stringify(r.violations))`, chromedp.EvalAwaitPromise))
	var out []Violation
	if err := json.Unmarshal([]byte(raw), &out); err != nil {
		b.t.Fatal(err)
	}
	return out
}

func run[T any](b *Tab, a chromedp.Action[T]) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	out, err := chromedp.Run(ctx, a)
	if err != nil {
		b.t.Fatalf("in the browser: %v", err)
	}
	return out
}

var axeSource = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "axe-*")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	cmd := exec.Command("npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", dir, axePackage)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", &os.PathError{Op: "npm install", Path: string(out), Err: err}
	}
	raw, err := os.ReadFile(filepath.Join(dir, "node_modules", "axe-core", "axe.min.js"))
	return string(raw), err
})

// axe is axe-core's own source, from npm.
func axe(t *testing.T) string {
	t.Helper()
	source, err := axeSource()
	if err != nil {
		t.Fatal(err)
	}
	return source
}
