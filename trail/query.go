package trail

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence"
)

// Judgement is what a person says of a refusal.
type Judgement string

// The judgements.
const (
	TruePositive  Judgement = "true"
	FalsePositive Judgement = "false"
)

// TriageEvent is the event by which a person judges an earlier one. It is recorded like any other; the earlier one stays as it is,
// and a later judgement of the same event counts in its place.
func TriageEvent(of ID, j Judgement, by, reason string) (ringfence.Event, error) {
	if j != TruePositive && j != FalsePositive {
		return ringfence.Event{}, fmt.Errorf("judging an event: %.20q is neither true nor false", j)
	}
	if reason == "" || by == "" || of == (ID{}) {
		return ringfence.Event{}, errors.New("judging an event: it needs the event, a reason, and who judges")
	}
	return ringfence.Event{Type: ringfence.Triage, User: by, Detail: map[string]string{"event": of.String(), "judgement": string(j), "reason": reason}}, nil
}

// Rate is how refusals were judged. FalseRate is nil while none was: not known is not zero.
type Rate struct {
	Refusals    int64    `json:"refusals"`    // records of refusals
	Occurrences int64    `json:"occurrences"` // what they stand for, repeats counted
	Judged      int64    `json:"judged"`
	True        int64    `json:"true"`
	False       int64    `json:"false"`
	FalseRate   *float64 `json:"false_rate"`
}

// ReadRate computes how the refusals that the filter lets through were judged, each by its latest judgement.
func ReadRate(ctx context.Context, q Querier, f Filter) (Rate, error) {
	if len(f.Types) == 0 {
		f.Types = slices.DeleteFunc(slices.Clone(ringfence.EventTypes), func(t ringfence.EventType) bool { return !t.Refusal() })
	}
	where, args := f.where()
	var r Rate
	err := q.QueryRow(ctx, `WITH judged AS (SELECT DISTINCT ON (detail->>'event') detail->>'event' AS event, detail->>'judgement' AS judgement
			FROM ringfence.trail_event WHERE event_type = 'triage' ORDER BY detail->>'event', created_at DESC, id DESC)
		SELECT count(*), coalesce(sum(e.count), 0)::bigint, count(j.event), count(*) FILTER (WHERE j.judgement = 'true'), count(*) FILTER (WHERE j.judgement = 'false')
		FROM (SELECT event_id, count FROM ringfence.trail_event`+where+`) e LEFT JOIN judged j ON j.event = e.event_id::text`, args...).
		Scan(&r.Refusals, &r.Occurrences, &r.Judged, &r.True, &r.False)
	if err != nil {
		return Rate{}, fmt.Errorf("reading judgements: %w", err)
	}
	if r.Judged > 0 {
		rate := float64(r.False) / float64(r.Judged)
		r.FalseRate = &rate
	}
	return r, nil
}

// A Break is a place where a chain does not hold together.
type Break struct {
	Node            string
	Epoch, Sequence int64
}

// Contiguity has the database itself, by one query, find where a chain has a hole, begins late, or a record does not name the
// hash of the one before it. It reads no content: VerifyTable does. Retired months count as there.
func Contiguity(ctx context.Context, q Querier) ([]Break, error) {
	rows, err := q.Query(ctx, `SELECT node, epoch, sequence FROM (
		SELECT e.node, e.epoch, e.sequence, e.previous_hash, lag(e.sequence) OVER w AS before, lag(e.hash) OVER w AS named
		FROM ringfence.trail_event e WINDOW w AS (PARTITION BY e.node, e.epoch ORDER BY e.sequence)) l
		WHERE NOT CASE WHEN before IS NULL AND sequence = 1 THEN previous_hash = decode(repeat('00', 32), 'hex')
			WHEN before = sequence - 1 THEN previous_hash = named
			ELSE EXISTS (SELECT FROM ringfence.trail_retired r WHERE r.node = l.node AND r.epoch = l.epoch AND r.last_sequence = l.sequence - 1
				AND substr(r.hashes, octet_length(r.hashes) - 31) = l.previous_hash) END
		ORDER BY 1, 2, 3`)
	if err != nil {
		return nil, fmt.Errorf("checking contiguity: %w", err)
	}
	out, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Break])
	if err != nil {
		return nil, fmt.Errorf("checking contiguity: %w", err)
	}
	return out, nil
}
