// Package pgparse parses SQL and PL/pgSQL with PostgreSQL's own parser (libpg_query, compiled to WebAssembly by go-pgquery), and
// keeps the machine code made of it in the user's cache directory: to make it takes a second, to load it a tenth.
package pgparse

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"

	pgquery "github.com/pganalyze/pg_query_go/v6"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"google.golang.org/protobuf/proto"
)

// Parse parses statements. An error of syntax is the server's own message. Safe for concurrent use: calls take turns.
func Parse(sql string) (*pgquery.ParseResult, error) {
	// PgQueryProtobufParseResult: length and address of the tree, address of stderr, address of an error
	out, err := call("pg_query_parse_protobuf", "pg_query_free_protobuf_parse_result", sql, 16, 12, func(m memory, at uint32) ([]byte, error) {
		n, err := m.word(at)
		if err != nil {
			return nil, err
		}
		return m.bytes(at+4, n)
	})
	if err != nil {
		return nil, err
	}
	tree := new(pgquery.ParseResult)
	if err := proto.Unmarshal(out, tree); err != nil {
		return nil, fmt.Errorf("reading the parser's answer: %w", err)
	}
	return tree, nil
}

// ParsePLpgSQL parses the CREATE FUNCTION of a PL/pgSQL function to the parser's JSON. Errors and concurrency are Parse's.
func ParsePLpgSQL(create string) (string, error) {
	// PgQueryPlpgsqlParseResult: address of the JSON, address of an error
	out, err := call("pg_query_parse_plpgsql", "pg_query_free_plpgsql_parse_result", create, 8, 4, func(m memory, at uint32) ([]byte, error) {
		return m.text(at)
	})
	return string(out), err
}

// Warm begins, in the background, to make the parser ready.
func Warm() { go one.ready() }

// one is the parser that all calls share.
var one parser

// A parser is the compiled module and its running instance, of which one call at a time may use the memory.
type parser struct {
	mu     sync.Mutex
	rt     wazero.Runtime
	code   wazero.CompiledModule
	module api.Module
}

func (p *parser) ready() {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.start() // whoever needs it is told
}

// start makes what is missing; the lock is held.
func (p *parser) start() error {
	if p.code == nil {
		rt, code, err := compile(cacheDir())
		if err != nil { // a cache that cannot be read or written
			if rt, code, err = compile(""); err != nil {
				return fmt.Errorf("compiling the parser: %w", err)
			}
		}
		p.rt, p.code = rt, code
	}
	if p.module != nil {
		return nil
	}
	module, err := instantiate(p.rt, p.code)
	if err != nil {
		return fmt.Errorf("starting the parser: %w", err)
	}
	if _, err := module.ExportedFunction("pg_query_init").Call(context.Background()); err != nil {
		return fmt.Errorf("starting the parser: %w", err)
	}
	p.module = module
	return nil
}

// call has a function of libpg_query parse a text into a result of size bytes, with the address of an error, or 0, at fault.
// An instance that ended in the midst of a call is not used again.
func call(parse, release, text string, size, fault uint32, read func(memory, uint32) ([]byte, error)) (out []byte, err error) {
	p := &one
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.start(); err != nil {
		return nil, err
	}
	broken := true
	defer func() {
		if broken {
			p.module.Close(context.Background())
			p.module = nil
		}
	}()
	c := calls{module: p.module, memory: memory{p.module.Memory()}}
	input := c.copyIn(text)
	result := c.run("malloc", uint64(size))
	c.run(parse, result, input)
	if c.err != nil {
		return nil, fmt.Errorf("parsing: %w", c.err)
	}
	at := uint32(result)
	out, err = c.answer(at, at+fault, read)
	c.run(release, result)
	c.run("free", result)
	c.run("free", input)
	broken = c.err != nil || errors.Is(err, errMemory)
	return out, err
}

// answer reads a result, or the error that stands in it.
func (c *calls) answer(at, fault uint32, read func(memory, uint32) ([]byte, error)) ([]byte, error) {
	failed, err := c.memory.word(fault)
	if err != nil {
		return nil, err
	}
	if failed == 0 {
		return read(c.memory, at)
	}
	message, err := c.memory.text(failed) // PgQueryError begins with its message's address
	if err != nil {
		return nil, err
	}
	return nil, errors.New(string(message))
}

// calls are calls of the module, of which the first that fails is kept and the later ones are not made.
type calls struct {
	module api.Module
	memory memory
	err    error
}

func (c *calls) run(name string, args ...uint64) uint64 {
	if c.err != nil {
		return 0
	}
	var out []uint64
	if out, c.err = c.module.ExportedFunction(name).Call(callContext(), args...); len(out) == 0 {
		return 0
	}
	return out[0]
}

// copyIn copies a text with its ending zero into the module's memory.
func (c *calls) copyIn(text string) uint64 {
	at := c.run("malloc", uint64(len(text))+1)
	if c.err == nil && (at == 0 || !c.memory.WriteString(uint32(at), text) || !c.memory.WriteByte(uint32(at)+uint32(len(text)), 0)) {
		c.err = errMemory
	}
	return at
}

var errMemory = errors.New("the parser's memory does not hold it")

// A memory is the module's, read with its bounds checked.
type memory struct{ api.Memory }

func (m memory) word(at uint32) (uint32, error) {
	v, ok := m.ReadUint32Le(at)
	if !ok {
		return 0, errMemory
	}
	return v, nil
}

// bytes copies n bytes from the address that stands at the place.
func (m memory) bytes(place, n uint32) ([]byte, error) {
	at, err := m.word(place)
	if err != nil {
		return nil, err
	}
	b, ok := m.Read(at, n)
	if !ok {
		return nil, errMemory
	}
	return bytes.Clone(b), nil
}

// text copies the zero-ended text at the address that stands at the place; nothing where that is 0.
func (m memory) text(place uint32) ([]byte, error) {
	at, err := m.word(place)
	if err != nil || at == 0 {
		return nil, err
	}
	rest, ok := m.Read(at, m.Size()-at)
	if !ok {
		return nil, errMemory
	}
	n := bytes.IndexByte(rest, 0)
	if n < 0 {
		return nil, errMemory
	}
	return bytes.Clone(rest[:n]), nil
}
