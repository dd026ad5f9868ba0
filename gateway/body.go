package gateway

import (
	"errors"
	"io"
	"net/http"
	"os"
	"sync/atomic"
	"time"
)

// body is a request's body that has to come in time.
type body struct {
	io.ReadCloser
	conn *http.ResponseController
	late atomic.Bool // it did not
}

// boundBody gives what a request brings d from now on, whoever reads it and also where nobody does.
func boundBody(w http.ResponseWriter, r *http.Request, d time.Duration) {
	if r.Body == nil || r.Body == http.NoBody {
		return
	}
	b := &body{ReadCloser: r.Body, conn: http.NewResponseController(w)}
	_ = b.conn.SetReadDeadline(time.Now().Add(d))
	r.Body = b
}

// Read implements io.Reader. The server takes the deadline away at the body's end.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		b.late.Store(true)
	}
	return n, err
}

// giveUp has what is left of a body come at once, or not at all: the answer waits for it.
func (b *body) giveUp() { _ = b.conn.SetReadDeadline(time.Now().Add(lastWords)) }
