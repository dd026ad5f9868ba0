package console

import (
	"net/http"
	"net/url"
	"strconv"
)

// perPage bounds a page, whatever the database holds.
const perPage = 100

// A paging is one page of a long list, with the way to its neighbours.
type paging[T any] struct {
	Items          []T
	Total          int
	From, To       int // counted from 1
	Previous, Next string
}

// paged cuts the page that the request asks for out of all; a page that is not there is the last one.
func paged[T any](r *http.Request, all []T) paging[T] {
	n, err := strconv.Atoi(r.URL.Query().Get("page"))
	last := max(0, (len(all)-1)/perPage)
	if err != nil || n < 1 {
		n = 1
	}
	at := min(n-1, last)
	out := paging[T]{Items: all[at*perPage : min(len(all), (at+1)*perPage)], Total: len(all), From: min(len(all), at*perPage+1), To: min(len(all), (at+1)*perPage)}
	if at > 0 {
		out.Previous = withPage(r.URL, at)
	}
	if at < last {
		out.Next = withPage(r.URL, at+2)
	}
	return out
}

func withPage(u *url.URL, n int) string {
	q := u.Query()
	q.Set("page", strconv.Itoa(n))
	return "?" + q.Encode() // of this page, wherever it stands
}
