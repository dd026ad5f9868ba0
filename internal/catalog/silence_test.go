package catalog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/nettest"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// A server that stops answering in the middle ends the reading, whose error says so and is nobody's interruption.
func TestMuteServer(t *testing.T) {
	db := pgtest.DB(t)
	own, err := pgx.ParseConfig(db.DSN(pg.Superuser))
	if err != nil {
		t.Fatal(err)
	}
	through := func(answers int64) *pgx.Conn {
		address := nettest.Serve(t, func(in net.Conn) {
			out, err := net.Dial("unix", filepath.Join(own.Host, fmt.Sprintf(".s.PGSQL.%d", own.Port)))
			if err != nil {
				t.Error(err)
				return
			}
			defer out.Close()
			go func() { _, _ = io.CopyN(in, out, answers) }()
			_, _ = io.Copy(out, in)
		})
		host, port, _ := net.SplitHostPort(address)
		conn, err := pg.Connect(t.Context(), fmt.Sprintf("host=%s port=%s user=%s dbname=%s password=%s sslmode=disable", host, port, own.User, own.Database, own.Password), pg.Options{CancelWait: 100 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close(context.Background()) })
		return conn
	}
	if _, err := Read(t.Context(), through(1<<40), Options{}); err != nil {
		t.Errorf("a server that answers: %v", err)
	}
	began := time.Now()
	_, err = Read(t.Context(), through(20_000), Options{StatementTimeout: 100 * time.Millisecond})
	if err == nil || !strings.Contains(err.Error(), "has not answered for 5.1s") || errors.Is(err, context.Canceled) {
		t.Errorf("a server that goes mute: %v", err)
	}
	if took := time.Since(began); took > time.Minute {
		t.Errorf("it was waited for %s", took)
	}
}
