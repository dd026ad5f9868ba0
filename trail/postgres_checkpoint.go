package trail

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/ringfencehq/ringfence/internal/trailsql"
)

const (
	addCheckpointSQL = "SELECT " + trailsql.Schema + ".trail_checkpoint_add($1, $2, $3, $4, $5, $6, $7, $8)"
	tailSQL          = "SELECT size, last_sequence, last_id, frontier, sequences, ids, hashes FROM " + trailsql.Schema + ".trail_tail($1, $2, $3)"
)

// AddCheckpoint keeps a signed checkpoint in the table. One of the same chain and size that is there already stays.
func (p *Postgres) AddCheckpoint(ctx context.Context, c Checkpoint) error {
	frontier := arrayHeader(len(c.frontier), 0, pgtype.ByteaOID)
	for _, h := range c.frontier {
		frontier = append(binary.BigEndian.AppendUint32(frontier, uint32(len(h))), h[:]...)
	}
	if len(c.frontier) == 0 {
		frontier = emptyArray(pgtype.ByteaOID)
	}
	params := [][]byte{[]byte(c.Node), appendInt(nil, c.Epoch), appendInt(nil, c.Size), appendInt(nil, c.Sequence), c.Event[:], c.Root[:], frontier, []byte(c.Note)}
	oids := []uint32{pgtype.TextOID, pgtype.Int8OID, pgtype.Int8OID, pgtype.Int8OID, pgtype.UUIDOID, pgtype.ByteaOID, pgtype.ByteaArrayOID, pgtype.TextOID}
	err := p.transact(ctx, func(b *pgconn.Batch) { b.ExecParams(addCheckpointSQL, params, oids, binary1, binary1) }, func([][]byte) error { return nil })
	if err != nil {
		return fmt.Errorf("keeping a checkpoint: %w", err)
	}
	return nil
}

// emptyArray is an array without elements: it has no dimension.
func emptyArray(element uint32) []byte {
	b := make([]byte, 0, 12)
	for _, v := range []uint32{0, 0, element} {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return b
}

// chainTail is a chain as the store has it.
type chainTail struct {
	tree   tree
	last   int64
	event  ID
	signed int64
}

// chainTail takes a chain's tree up again: from the last checkpoint, and the events stored since up to a sequence.
func (p *Postgres) chainTail(ctx context.Context, node string, epoch, upTo int64) (chainTail, error) {
	var out chainTail
	types := pgtype.NewMap()
	err := p.transact(ctx, func(b *pgconn.Batch) {
		b.ExecParams(tailSQL, [][]byte{[]byte(node), appendInt(nil, epoch), appendInt(nil, upTo)}, []uint32{pgtype.TextOID, pgtype.Int8OID, pgtype.Int8OID}, binary1, binary1)
	}, func(values [][]byte) error {
		var frontier, hashes [][]byte
		var sequences []int64
		var ids [][16]byte
		for i, to := range []struct {
			oid uint32
			in  any
		}{{pgtype.Int8OID, &out.tree.size}, {pgtype.Int8OID, &out.last}, {0, nil}, {pgtype.ByteaArrayOID, &frontier}, {pgtype.Int8ArrayOID, &sequences}, {pgtype.UUIDArrayOID, &ids}, {pgtype.ByteaArrayOID, &hashes}} {
			if to.in == nil {
				copy(out.event[:], values[i])
				continue
			}
			if err := types.Scan(to.oid, pgx.BinaryFormatCode, values[i], to.in); err != nil {
				return err
			}
		}
		for _, f := range frontier {
			if len(f) != len(Hash{}) {
				return errors.New("a checkpoint's frontier is malformed")
			}
			out.tree.frontier = append(out.tree.frontier, Hash(f))
		}
		if !out.tree.whole() || len(hashes) != len(sequences) || len(hashes) != len(ids) {
			return errors.New("a checkpoint's frontier is not of its size")
		}
		out.signed = out.tree.size
		for i, h := range hashes {
			if len(h) != len(Hash{}) {
				return errors.New("a stored hash is malformed")
			}
			out.tree.add(Hash(h))
			out.last, out.event = sequences[i], ids[i]
		}
		return nil
	})
	if err != nil {
		return chainTail{}, fmt.Errorf("taking up a chain: %w", err)
	}
	return out, nil
}
