// Command restaurant runs reference system A, hardened, on a server of its own: a database, a voice back end, a gateway with PIN
// login, each a process with real sockets, and a page where a person logs in, talks, orders, and tries to get at another
// restaurant's data, with the security trail beside it.
//
//	go run ./examples/restaurant
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	if child(os.Args[1:]) {
		return
	}
	listen := flag.String("listen", "127.0.0.1:8090", "where the page is")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *listen); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, listen string) (err error) {
	dir, err := os.MkdirTemp("", "ringfence-restaurant-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	fmt.Fprintln(os.Stderr, "starting a database, hardening it, and enrolling the staff")
	s, err := startStack(ctx, dir, stackOptions{page: "http://" + listen})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	page, err := newPage(ctx, s)
	if err != nil {
		return err
	}
	defer page.close()
	web := &http.Server{Addr: listen, Handler: page, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		<-ctx.Done()
		ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer stop()
		_ = web.Shutdown(ctx)
		_ = web.Close()
	}()
	fmt.Printf("open http://%s\n", listen)
	for _, p := range s.system.People {
		fmt.Printf("  %-18s %-8s %-8s PIN %s\n", p.RestaurantName, p.User, p.Role, p.PIN)
	}
	if err := web.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
