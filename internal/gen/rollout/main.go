// Command rollout takes reference system B from its plan to production and closes it, by the commands of ringfence and on two servers of its
// own, and writes what comes of it: the rollout's directory, its papers, and a page that tells how it went. Only time is passed in, so
// that two days of soak take minutes; every other figure is measured as it runs.
//
//	go run ./internal/gen/rollout -o docs/examples
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"time"
)

func main() {
	if filepath.Base(os.Args[0]) == hookFile {
		os.Exit(hook(context.Background(), os.Args[1:]))
	}
	out := flag.String("o", filepath.Join("docs", "examples"), "write to `DIR`")
	soak := flag.Duration("soak", 48*time.Hour, "how long staging soaks")
	day := flag.Duration("watch", 24*time.Hour, "how long production is watched before the rollout is closed")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := write(ctx, *out, *soak, *day); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// write goes the road in a directory that is gone afterwards, and copies what came of it to out.
func write(ctx context.Context, out string, soak, day time.Duration) error {
	out, err := filepath.Abs(out)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "callcenter-rollout-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	if err := os.Chdir(work); err != nil {
		return err
	}
	r, err := start(ctx, soak, day)
	if err != nil {
		return err
	}
	defer r.stop()
	if err := r.road(); err != nil {
		return err
	}
	return r.publish(out)
}
