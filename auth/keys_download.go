package auth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// download fetches and reads the document once.
func (r *RemoteKeys) download(ctx context.Context) (keySet, int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.o.URL, nil)
	if err != nil {
		return nil, 0, errors.New("fetching a key set: the address cannot be requested")
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	res, err := r.client.Do(req)
	if err != nil {
		var u *url.Error // its text carries the whole address
		if errors.As(err, &u) {
			err = u.Err
		}
		return nil, 0, fmt.Errorf("fetching a key set from %s: %w", req.URL.Host, err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, 0, fmt.Errorf("fetching a key set from %s: status %d", req.URL.Host, res.StatusCode)
	}
	data, err := io.ReadAll(io.LimitReader(res.Body, r.o.MaxBytes+1))
	if err != nil {
		return nil, 0, fmt.Errorf("fetching a key set from %s: %w", req.URL.Host, err)
	}
	if int64(len(data)) > r.o.MaxBytes {
		return nil, 0, fmt.Errorf("fetching a key set from %s: more than %d bytes", req.URL.Host, r.o.MaxBytes)
	}
	keys, left, err := parseJWKS(data, r.o.MaxKeys, r.o.RSAAlgorithm)
	if err == nil && len(keys) == 0 {
		return nil, 0, fmt.Errorf("fetching a key set from %s: no key that can be used, of %d", req.URL.Host, left)
	}
	return keys, left, err
}
