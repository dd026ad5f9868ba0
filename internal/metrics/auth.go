package metrics

import (
	"context"
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	ringfence "github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/auth"
)

// What is counted of who asks.
var (
	MembershipLoads = &Metric{Name: "ringfence_membership_loads_total", Kind: Counter, Of: Gateway,
		Help: "Times the database was asked whether somebody belongs to a tenant."}
	MembershipFailures = &Metric{Name: "ringfence_membership_failures_total", Kind: Counter, Of: Gateway,
		Help: "Times it could not be read whether somebody belongs to a tenant, or in which roles; the request was refused."}
	KeySources = &Metric{Name: "ringfence_auth_key_sources", Kind: Gauge, Of: Gateway, Labels: []string{"state"}, Series: each([]string{"usable", "stale", "unusable"}),
		Help: "Issuers' published key sets by state: stale ones are used although they could not be fetched again."}
	KeyAge = &Metric{Name: "ringfence_auth_keys_age_seconds", Kind: Gauge, Of: Gateway,
		Help: "Age of the oldest key set in use."}
)

var authMetrics = []*Metric{MembershipLoads, MembershipFailures, KeySources, KeyAge}

// AuthStats counts what the verification of tokens rests on.
type AuthStats struct {
	loads, failures prometheus.Counter
}

// Auth registers the metrics of authentication. keys is asked at each scrape how the issuers' key sets are; it may be nil.
func (r *Registry) Auth(keys func() []auth.RemoteStatus) *AuthStats {
	r.read([]*Metric{KeySources, KeyAge}, func() []reading {
		var status []auth.RemoteStatus
		if keys != nil {
			status = keys()
		}
		count, age := map[string]float64{}, 0.0
		for _, s := range status {
			state := "usable"
			switch {
			case !s.Usable:
				state = "unusable"
			case s.Failures > 0:
				state = "stale"
			}
			count[state]++
			age = max(age, s.Age.Seconds())
		}
		out := []reading{{KeyAge, age, nil}}
		for _, s := range KeySources.Series {
			out = append(out, reading{KeySources, count[s[0]], s})
		}
		return out
	})
	return &AuthStats{loads: r.counter(MembershipLoads).WithLabelValues(), failures: r.counter(MembershipFailures).WithLabelValues()}
}

// Members counts how a source of memberships does. It stands below a cache, so that each failure to read one is counted once.
func (s *AuthStats) Members(from auth.Members) auth.Members { return countedMembers{from, s} }

type countedMembers struct {
	from auth.Members
	s    *AuthStats
}

// Member implements auth.Members.
func (c countedMembers) Member(ctx context.Context, tenant ringfence.Tenant, user string) ([]string, error) {
	c.s.loads.Inc()
	roles, err := c.from.Member(ctx, tenant, user)
	if err != nil && !errors.Is(err, auth.ErrNotMember) {
		c.s.failures.Inc()
	}
	return roles, err
}
