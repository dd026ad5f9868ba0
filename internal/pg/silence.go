package pg

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// quietLimit is how long nothing may be heard while an answer is awaited before the server is asked whether it is still at it:
// a statement may rightly take hours, and a server, or what stands between, may go mute at any moment. A connection string's
// keepalives_idle sets another, keepalives=0 has nothing asked.
const quietLimit = 30 * time.Second

// askLimit bounds the question.
const askLimit = 10 * time.Second

// keepalives reads a connection string's parameters of this name, which are not for the server; 0 is never.
func keepalives(params map[string]string) (time.Duration, error) {
	idle := quietLimit
	for _, name := range []string{"keepalives", "keepalives_idle"} {
		text, ok := params[name]
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(text, 10, 31)
		switch {
		case err != nil:
			return 0, &Error{Doing: "reading the connection string: its " + name + " is not a whole number", Hint: "Give keepalives=0 or 1, and keepalives_idle in seconds."}
		case name == "keepalives" && n == 0:
			return 0, nil
		case name == "keepalives_idle" && n > 0: // 0 is the default, as libpq has it
			idle = time.Duration(n) * time.Second
		}
	}
	return idle, nil
}

// watchSilence has the connections of cfg end with an error where the server has gone mute.
func watchSilence(cfg *pgx.ConnConfig, limit time.Duration) {
	if limit == 0 {
		return
	}
	dial := cfg.DialFunc
	cfg.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		second := func(ctx context.Context) (*pgx.Conn, error) {
			same := cfg.Copy()
			same.AfterConnect = nil
			same.DialFunc = func(ctx context.Context, network, other string) (net.Conn, error) {
				if other != address {
					return nil, errors.New("another host than the one in question")
				}
				return dial(ctx, network, address)
			}
			return connectConfig(ctx, same)
		}
		return &heardConn{Conn: conn, limit: limit, last: time.Now(), second: second}, nil
	}
	cfg.AfterConnect = func(_ context.Context, c *pgconn.PgConn) error {
		below(c).pid.Store(c.PID())
		return nil
	}
}

// below is what a connection reads from; nil where its silence is not watched.
func below(c *pgconn.PgConn) *heardConn {
	conn := c.Conn()
	if over, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = over.NetConn()
	}
	h, _ := conn.(*heardConn)
	return h
}

// WhyLost adds to an error of what used conn why conn was given up before, where it was.
func WhyLost(conn *pgx.Conn, err error) error {
	h, told := below(conn.PgConn()), (*muteError)(nil)
	if err == nil || h == nil || errors.As(err, &told) {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.gone == nil {
		return err
	}
	return fmt.Errorf("%w: %w", err, h.gone)
}

// A heardConn is a connection to a server that is asked, from a second connection, where nothing is heard for long. Whoever reads
// from it awaits an answer.
type heardConn struct {
	net.Conn
	limit  time.Duration
	second func(context.Context) (*pgx.Conn, error)
	pid    atomic.Uint32 // what the server announced; 0 while connecting, which has its own limit

	mu              sync.Mutex
	last            time.Time // something went through
	gone            error     // it was given up
	readBy, writeBy time.Time // the caller's own limits
}

// SetDeadline implements net.Conn.
func (c *heardConn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetReadDeadline implements net.Conn.
func (c *heardConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.readBy = t
	return c.Conn.SetReadDeadline(t)
}

// SetWriteDeadline implements net.Conn.
func (c *heardConn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writeBy = t
	return c.Conn.SetWriteDeadline(t)
}

// Read implements net.Conn.
func (c *heardConn) Read(b []byte) (int, error) {
	return c.through(&c.readBy, c.Conn.SetReadDeadline, func() (int, error) { return c.Conn.Read(b) })
}

// Write implements net.Conn.
func (c *heardConn) Write(b []byte) (done int, err error) {
	for done < len(b) && err == nil {
		var n int
		n, err = c.through(&c.writeBy, c.Conn.SetWriteDeadline, func() (int, error) { return c.Conn.Write(b[done:]) })
		done += n
	}
	return done, err
}

// through moves bytes, and asks whether anybody is there where none move. One bad answer may be a matter of moments: two are not.
func (c *heardConn) through(by *time.Time, set func(time.Time) error, move func() (int, error)) (int, error) {
	var doubt error
	for {
		wait := c.limit
		if doubt != nil {
			wait /= 6
		}
		if err := c.arm(by, set, wait); err != nil {
			return 0, err
		}
		n, err := move()
		late := errors.Is(err, os.ErrDeadlineExceeded)
		if late && !c.past(by) {
			err = nil
		}
		if n > 0 || err != nil || !late {
			c.mu.Lock()
			c.last = time.Now()
			c.mu.Unlock()
			return n, err
		}
		if c.pid.Load() == 0 || doubt == nil && c.quiet() < c.limit {
			continue
		}
		before := doubt
		if doubt = c.ask(); before != nil && doubt != nil {
			c.mute(doubt)
		}
	}
}

// arm has the next move end after wait, or by the caller's own limit.
func (c *heardConn) arm(by *time.Time, set func(time.Time) error, wait time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone != nil {
		return c.gone
	}
	end := time.Now().Add(wait)
	if !by.IsZero() && by.Before(end) {
		end = *by
	}
	return set(end)
}

// past tells whether the caller's own limit is over.
func (c *heardConn) past(by *time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !by.IsZero() && !time.Now().Before(*by)
}

// mute has this and every later move end with an error.
func (c *heardConn) mute(why error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gone = &muteError{&Error{Doing: fmt.Sprintf("the server has not answered for %s", time.Since(c.last).Round(time.Second)), Err: why,
		Hint: "Check the server and what stands between here and it; the connection was given up."}}
}

// A muteError is a time-out: of others pgx forgets why the connection was lost.
type muteError struct{ err *Error }

func (e *muteError) Error() string { return e.err.Error() }
func (e *muteError) Unwrap() error { return e.err }

// Timeout and Temporary make it a net.Error.
func (*muteError) Timeout() bool   { return true }
func (*muteError) Temporary() bool { return false }

// quiet is how long nothing went through.
func (c *heardConn) quiet() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Since(c.last)
}

// stillAt asks what a process does; who waits for its client, which waits for an answer, has given one. Behind a pooler the number
// is the pooler's own invention.
const stillAt = `SELECT pg_catalog.pg_backend_pid(), coalesce((
	SELECT CASE WHEN a.state OPERATOR(pg_catalog.~~) 'idle%%' OR a.wait_event_type OPERATOR(pg_catalog.=) 'Client' THEN 'answered' ELSE 'at it' END
	FROM pg_catalog.pg_stat_activity a WHERE a.pid OPERATOR(pg_catalog.=) %d), 'gone')`

// ask looks from a second connection whether an answer may still come, and says why not.
func (c *heardConn) ask() error {
	ctx, cancel := context.WithTimeout(context.Background(), min(c.limit, askLimit))
	defer cancel()
	conn, err := c.second(ctx)
	if ServerError(err) != nil {
		return nil // it answers, if only to say that it takes nobody else
	}
	switch {
	case pgconn.Timeout(err):
		return errors.New("a second connection is not answered either")
	case err != nil:
		return fmt.Errorf("a second connection: %w", err)
	}
	defer conn.Close(ctx)
	results, err := conn.PgConn().Exec(ctx, fmt.Sprintf(stillAt, c.pid.Load())).ReadAll()
	switch {
	case ServerError(err) != nil:
		return nil
	case err != nil:
		return errors.New("a second connection is not answered either")
	case len(results) != 1 || len(results[0].Rows) != 1 || string(results[0].Rows[0][0]) != fmt.Sprint(conn.PgConn().PID()):
		return nil
	}
	switch string(results[0].Rows[0][1]) {
	case "gone":
		return errors.New("the session is not there any more")
	case "answered":
		return errors.New("the session has answered, and the answer does not arrive")
	}
	return nil
}
