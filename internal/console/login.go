package console

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// A reader gives the token once and holds a session by cookie. Tokens and sessions are compared by their digests, in constant time
// or by look-up of a digest; neither is logged.

const (
	cookieName   = "ringfence_console"
	sessionHolds = 12 * time.Hour
	maxSessions  = 256
	triesPerSec  = 5 // of logging in, by everybody together
)

type logins struct {
	token [sha256.Size]byte
	tries *rate.Limiter
	now   func() time.Time

	mu       sync.Mutex
	sessions map[[sha256.Size]byte]time.Time // until when
}

func newLogins(token string, now func() time.Time) logins {
	return logins{token: sha256.Sum256([]byte(token)), tries: rate.NewLimiter(triesPerSec, triesPerSec), now: now, sessions: map[[sha256.Size]byte]time.Time{}}
}

// begin returns a new session's id where the token is right.
func (l *logins) begin(token string) (id string, ok bool) {
	given := sha256.Sum256([]byte(token))
	if subtle.ConstantTimeCompare(given[:], l.token[:]) != 1 {
		return "", false
	}
	id = rand.Text()
	l.mu.Lock()
	defer l.mu.Unlock()
	for key, until := range l.sessions {
		if !l.now().Before(until) {
			delete(l.sessions, key)
		}
	}
	if len(l.sessions) >= maxSessions {
		clear(l.sessions) // whoever has the token can log in again
	}
	l.sessions[sha256.Sum256([]byte(id))] = l.now().Add(sessionHolds)
	return id, true
}

// holds reports whether the request carries a session.
func (l *logins) holds(r *http.Request) bool {
	c, err := r.Cookie(cookieName)
	if err != nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	until, ok := l.sessions[sha256.Sum256([]byte(c.Value))]
	return ok && l.now().Before(until)
}

// end forgets the request's session.
func (l *logins) end(r *http.Request) {
	if c, err := r.Cookie(cookieName); err == nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.sessions, sha256.Sum256([]byte(c.Value)))
	}
}

// known lets through who has logged in; others are led to the log-in.
func (c *Console) known(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case c.logins.holds(r):
			next.ServeHTTP(w, r)
		case r.Method == http.MethodGet && !strings.HasSuffix(r.URL.Path, "/trail/stream"):
			http.Redirect(w, r, "/login", http.StatusSeeOther)
		default:
			http.Error(w, "log in first", http.StatusUnauthorized)
		}
	})
}

func (c *Console) loginPage(w http.ResponseWriter, r *http.Request) {
	c.render(w, r, http.StatusOK, nil, "login", "Log in", map[string]bool{"Wrong": false})
}

func (c *Console) login(w http.ResponseWriter, r *http.Request) {
	if !c.logins.tries.Allow() {
		c.render(w, r, http.StatusTooManyRequests, nil, "error", http.StatusText(http.StatusTooManyRequests), "Too many tries: wait a second.")
		return
	}
	id, ok := c.logins.begin(r.PostFormValue("token"))
	if !ok {
		c.render(w, r, http.StatusUnauthorized, nil, "login", "Log in", map[string]bool{"Wrong": true})
		return
	}
	http.SetCookie(w, &http.Cookie{
		Name: cookieName, Value: id, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil, MaxAge: int(sessionHolds / time.Second),
	})
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (c *Console) logout(w http.ResponseWriter, r *http.Request) {
	c.logins.end(r)
	http.SetCookie(w, &http.Cookie{Name: cookieName, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode, MaxAge: -1})
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}
