package trail

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"
)

// A Balance is one chain's account: Accepted = Rows + Retired + Backlog + Lost. Lost and Doubled are 0 where all is well.
type Balance struct {
	Node     string `json:"node"`
	Epoch    int64  `json:"epoch"`
	Accepted int64  `json:"accepted"` // the highest place that table, retired months or journal know
	Rows     int64  `json:"rows"`     // different records in the table
	Retired  int64  `json:"retired"`
	Backlog  int64  `json:"backlog"` // different records in the journal that the table has not
	Lost     int64  `json:"lost"`
	Doubled  int64  `json:"doubled"`  // rows beyond one a record
	Clashing int64  `json:"clashing"` // records that table and journal hold with different content
}

// Whole reports whether nothing of the chain is lost, doubled or changed.
func (b Balance) Whole() bool { return b.Lost == 0 && b.Doubled == 0 && b.Clashing == 0 }

// A Reconciliation is the account of a table and a node's journal.
type Reconciliation struct {
	Chains []Balance `json:"chains"`
	Damage []string  `json:"damage"` // of the journal
	Total  Balance   `json:"total"`
}

// Whole reports whether the account is even, and the journal readable.
func (r *Reconciliation) Whole() bool { return r.Total.Whole() && len(r.Damage) == 0 }

// Reconcile proves that accepted records = rows + backlog, chain by chain. The journals are read before the table, so that a process which ships
// meanwhile moves records from one side to the other and loses none in between. dirs may be none: then the table alone is counted.
func Reconcile(ctx context.Context, q Querier, dirs ...string) (*Reconciliation, error) {
	out := &Reconciliation{Damage: []string{}}
	waiting := map[chainKey]map[int64]Hash{}
	for _, dir := range dirs {
		for e, err := range ReadJournal(dir) {
			var damage *Damage
			switch {
			case errors.As(err, &damage):
				out.Damage = append(out.Damage, damage.Error())
			case err != nil:
				return nil, err
			default:
				key := chainKey{e.Node, e.Epoch}
				if waiting[key] == nil {
					waiting[key] = map[int64]Hash{}
				}
				waiting[key][e.Sequence] = e.Hash
			}
		}
	}
	balances, err := readBalances(ctx, q)
	if err != nil {
		return nil, err
	}
	for key, journal := range waiting {
		b := balances[key]
		if b == nil {
			b = &Balance{Node: key.node, Epoch: key.epoch}
			balances[key] = b
		}
		for sequence := range journal {
			b.Accepted = max(b.Accepted, sequence)
		}
		if err := b.compare(ctx, q, journal); err != nil {
			return nil, err
		}
	}
	for _, key := range slices.SortedFunc(maps.Keys(balances), func(a, b chainKey) int {
		return cmp.Or(cmp.Compare(a.node, b.node), cmp.Compare(a.epoch, b.epoch))
	}) {
		b := balances[key]
		b.Lost = b.Accepted - b.Rows - b.Retired - b.Backlog
		out.Chains = append(out.Chains, *b)
		out.Total.add(*b)
	}
	return out, nil
}

func (b *Balance) add(o Balance) {
	b.Accepted += o.Accepted
	b.Rows += o.Rows
	b.Retired += o.Retired
	b.Backlog += o.Backlog
	b.Lost += o.Lost
	b.Doubled += o.Doubled
	b.Clashing += o.Clashing
}

// readBalances counts what the table has of every chain.
func readBalances(ctx context.Context, q Querier) (map[chainKey]*Balance, error) {
	rows, err := q.Query(ctx, `SELECT node, epoch, max(highest)::bigint, sum(different)::bigint, sum(gone)::bigint, sum(doubled)::bigint FROM (
		SELECT node, epoch, max(sequence) AS highest, count(DISTINCT sequence) AS different, 0 AS gone, count(*) - count(DISTINCT sequence) AS doubled FROM ringfence.trail_event GROUP BY node, epoch
		UNION ALL SELECT node, epoch, max(last_sequence), 0, sum(octet_length(hashes) / 32), 0 FROM ringfence.trail_retired WHERE hashes IS NOT NULL GROUP BY node, epoch) b
		GROUP BY node, epoch`)
	if err != nil {
		return nil, fmt.Errorf("counting the trail's rows: %w", err)
	}
	defer rows.Close()
	out := map[chainKey]*Balance{}
	for rows.Next() {
		var b Balance
		if err := rows.Scan(&b.Node, &b.Epoch, &b.Accepted, &b.Rows, &b.Retired, &b.Doubled); err != nil {
			return nil, fmt.Errorf("counting the trail's rows: %w", err)
		}
		out[chainKey{b.Node, b.Epoch}] = &b
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("counting the trail's rows: %w", err)
	}
	return out, nil
}

// compare counts which of the journal's records the table has not, and which it holds otherwise.
func (b *Balance) compare(ctx context.Context, q Querier, journal map[int64]Hash) error {
	rows, err := q.Query(ctx, "SELECT sequence, hash FROM ringfence.trail_event WHERE node = $1 AND epoch = $2 AND sequence >= $3"+
		" UNION ALL SELECT s, NULL FROM ringfence.trail_retired r, generate_series(first_sequence, last_sequence) s WHERE r.node = $1 AND r.epoch = $2 AND last_sequence >= $3",
		b.Node, b.Epoch, slices.Min(slices.Collect(maps.Keys(journal))))
	if err != nil {
		return fmt.Errorf("comparing the journal with the table: %w", err)
	}
	defer rows.Close()
	left := maps.Clone(journal)
	clashing := map[int64]bool{}
	for rows.Next() {
		var sequence int64
		var raw []byte
		if err := rows.Scan(&sequence, &raw); err != nil {
			return fmt.Errorf("comparing the journal with the table: %w", err)
		}
		if want, ok := journal[sequence]; ok && raw != nil && string(want[:]) != string(raw) {
			clashing[sequence] = true
		}
		delete(left, sequence)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("comparing the journal with the table: %w", err)
	}
	b.Backlog, b.Clashing = int64(len(left)), int64(len(clashing))
	return nil
}

var _ Querier = (*pgx.Conn)(nil)
