package ringfence

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgxpool"
)

// courier carries single statements over one connection by the messages of the extended protocol, where pgx's batches
// would describe and allocate for each of the four statements of a flight. It serves the two modes that keep descriptions;
// in the others, and for batches and transactions, flights go as batches do. It is used by one call at a time, as its
// connection is.
type courier struct {
	pg      *pgconn.PgConn
	conn    *pgx.Conn
	named   bool // statements stay prepared on the server; else each one is parsed with its flight
	context string
	known   map[string]*known
	stale   []string // names that the server may forget
	clock   uint64

	build     pgx.ExtendedQueryBuilder
	bind      pgproto3.Bind
	parse     pgproto3.Parse
	settings  [2][]byte
	interrupt func()
}

// known is a statement whose description the connection has.
type known struct {
	sd      *pgconn.StatementDescription
	fields  []pgconn.FieldDescription
	formats []int16
	used    uint64
	scans   scans
}

const (
	courierKey   = "ringfence.courier"
	mostKnown    = 512
	beginDefault = "begin"
	commit       = "commit"
)

// hire gives a connection its courier, where the mode has one.
func (p *Pool) hire(conn *pgx.Conn) {
	if p.pooler.Mode != pgx.QueryExecModeCacheStatement && p.pooler.Mode != pgx.QueryExecModeCacheDescribe {
		return
	}
	c := &courier{pg: conn.PgConn(), conn: conn, named: p.pooler.Mode == pgx.QueryExecModeCacheStatement, context: p.setContext, known: map[string]*known{}}
	c.interrupt = func() { _ = c.pg.Conn().SetDeadline(time.Unix(1, 0)) }
	conn.PgConn().CustomData()[courierKey] = c
}

// courierOf returns a connection's courier, or nil.
func courierOf(conn *pgxpool.Conn) *courier {
	c, _ := conn.Conn().PgConn().CustomData()[courierKey].(*courier)
	return c
}

// learn makes sure that the connection knows the statements: one round trip where it does not, none where it does.
func (c *courier) learn(ctx context.Context, sql string) (*known, error) {
	c.clock++
	if k := c.known[sql]; k != nil { // then it knows the flight's own as well
		k.used = c.clock
		return k, nil
	}
	var missing []string
	for _, s := range [...]string{beginDefault, commit, c.context, sql} {
		if c.known[s] == nil {
			missing = append(missing, s)
		}
	}
	c.makeRoom(sql)
	pipeline := c.pg.StartPipeline(ctx)
	for _, name := range c.stale {
		pipeline.SendDeallocate(name)
	}
	for _, s := range missing {
		pipeline.SendPrepare(c.nameOf(s), s, nil)
	}
	err := pipeline.Sync()
	for range len(c.stale) {
		if err == nil {
			_, err = pipeline.GetResults()
		}
	}
	for _, s := range missing {
		var result any
		if err == nil {
			result, err = pipeline.GetResults()
		}
		if sd, ok := result.(*pgconn.StatementDescription); ok && err == nil {
			sd.Name, sd.SQL = c.nameOf(s), s
			c.remember(sd)
		}
	}
	if closeErr := pipeline.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return nil, err
	}
	c.stale = c.stale[:0]
	return c.known[sql], nil
}

// nameOf is a statement's name on the server: empty where it is not to stay.
func (c *courier) nameOf(sql string) string {
	if !c.named {
		return ""
	}
	digest := sha256.Sum256([]byte(sql))
	return "ringfence_" + hex.EncodeToString(digest[:16])
}

func (c *courier) remember(sd *pgconn.StatementDescription) {
	k := &known{sd: sd, used: c.clock, formats: make([]int16, len(sd.Fields)), fields: make([]pgconn.FieldDescription, len(sd.Fields))}
	for i, f := range sd.Fields {
		k.formats[i] = c.conn.TypeMap().FormatCodeForOID(f.DataTypeOID)
		k.fields[i] = f
		k.fields[i].Format = k.formats[i]
	}
	c.known[sd.SQL] = k
}

// makeRoom forgets the statement that was used longest ago, where there are too many.
func (c *courier) makeRoom(keep string) {
	for len(c.known) >= mostKnown {
		oldest := ""
		for sql, k := range c.known {
			own := sql == beginDefault || sql == commit || sql == c.context || sql == keep
			if !own && (oldest == "" || k.used < c.known[oldest].used) {
				oldest = sql
			}
		}
		c.forget(c.known[oldest])
	}
}

// forget has a statement described anew the next time.
func (c *courier) forget(k *known) {
	delete(c.known, k.sd.SQL)
	if c.named {
		c.stale = append(c.stale, c.nameOf(k.sd.SQL))
	}
}

// outdates reports whether an error may come from a description that no longer holds: after a change of the schema. What
// a row's own value or a concurrent transaction brings about is not that.
func outdates(fault *pgconn.PgError) bool {
	switch fault.Code[:min(2, len(fault.Code))] {
	case "23", "40", "57", "P0":
		return false
	}
	return fault.Code != stateForbidden && fault.Code != "22012"
}

// encode makes a statement's arguments ready. Nothing is sent.
func (c *courier) encode(k *known, args []any) error {
	if len(k.sd.ParamOIDs) != len(args) {
		return fmt.Errorf("running a statement: expected %d arguments, got %d", len(k.sd.ParamOIDs), len(args))
	}
	return c.build.Build(c.conn.TypeMap(), k.sd, args)
}

// send writes a whole flight, up to its Sync. The arguments were encoded before.
func (c *courier) send(s scope, signs bool, k *known, explicit bool) error {
	out := c.pg.Frontend()
	if explicit {
		c.put(c.known[beginDefault], nil, nil)
	}
	c.settings[0], c.settings[1] = append(c.settings[0][:0], s.text...), append(c.settings[1][:0], s.token...)
	n := 1
	if signs {
		n = 2
	}
	c.put(c.known[c.context], c.settings[:n], nil)
	c.put(k, c.build.ParamValues, c.build.ParamFormats)
	if explicit {
		c.put(c.known[commit], nil, nil)
	}
	out.SendSync(&pgproto3.Sync{})
	return out.Flush()
}

// put writes one statement.
func (c *courier) put(k *known, values [][]byte, formats []int16) {
	out := c.pg.Frontend()
	if !c.named {
		c.parse.Query, c.parse.ParameterOIDs = k.sd.SQL, k.sd.ParamOIDs
		out.SendParse(&c.parse)
	}
	c.bind.PreparedStatement = k.sd.Name
	c.bind.Parameters, c.bind.ParameterFormatCodes, c.bind.ResultFormatCodes = values, formats, k.formats
	out.SendBind(&c.bind)
	if own := k.sd.SQL == beginDefault || k.sd.SQL == commit || k.sd.SQL == c.context; !own && (!c.named || len(k.fields) == 0) {
		// A description that was made in another transaction may be outdated; a cursor's rows cannot be described before.
		out.SendDescribe(&pgproto3.Describe{ObjectType: 'P'})
	}
	out.SendExecute(&pgproto3.Execute{})
}

// receive reads one message that says something.
func (c *courier) receive() (pgproto3.BackendMessage, error) {
	for {
		msg, err := c.pg.ReceiveMessage(context.Background()) // the call's own context is watched for the whole flight
		if err != nil {
			if inner := errors.Unwrap(err); inner != nil {
				err = inner // pgx takes the outer one for safe to try again, which it is not
			}
			return nil, fmt.Errorf("reading the server's answer: %w", err)
		}
		switch msg.(type) {
		case *pgproto3.ParseComplete, *pgproto3.BindComplete, *pgproto3.NoData, *pgproto3.NoticeResponse, *pgproto3.ParameterStatus, *pgproto3.NotificationResponse:
			continue
		}
		return msg, nil
	}
}

// hangUp closes a connection whose state is not known, and has the server cancel what still runs on it: pgx does both for a
// pipeline that is left without its Sync.
func (c *courier) hangUp() {
	pipeline := c.pg.StartPipeline(context.Background())
	pipeline.SendDeallocate("")
	_ = pipeline.Close()
}
