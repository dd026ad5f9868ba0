package trail

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/ringfencehq/ringfence"
)

// cursor reads a journal in order and follows the chain. It is the shipper's; not for concurrent use.
type cursor struct {
	j    *journal
	note state // where the chain stood when the first segment begins
	tell func(ringfence.Event) *group
	told []*group // what was told since it was last waited for

	seg      *segment
	buf      []byte // the segment's bytes up to what was durable
	off      int
	damaged  bool // the segment holds bytes that are no event
	bad      int  // of them, bytes since the last event
	failures int

	known    bool // the chain's last event is known
	epoch    int64
	sequence int64
	hash     Hash
}

// portion is what one reading gave: events in order, and the segments that end with them.
type portion struct {
	events []Event
	counts map[*segment]int64 // how many of them stand in which segment
	done   []finished
}

type finished struct {
	segment *segment
	damaged bool
}

// maxReadFailures is how often a file that cannot be read is tried before it is left aside.
const maxReadFailures = 5

// next returns up to most events that are on disk, and an empty portion when there is nothing more. Damage and holes are
// told as events of their own, and passed over.
func (c *cursor) next(most int) (portion, error) {
	p := portion{counts: map[*segment]int64{}}
	for len(p.events) < most {
		if c.seg == nil {
			s, ok := c.j.after(nil)
			if len(p.done) > 0 {
				s, ok = c.j.after(p.done[len(p.done)-1].segment)
			}
			if !ok {
				return p, nil
			}
			c.begin(s)
		}
		seen := c.j.look(c.seg)
		if err := c.load(&seen); err != nil {
			if c.failures++; c.failures < maxReadFailures && !errors.Is(err, os.ErrNotExist) {
				return p, err
			}
			c.unreadable(&seen, err)
			p.done = append(p.done, c.end())
			continue
		}
		if c.read(&p, most); len(p.events) >= most {
			return p, nil
		}
		if !seen.sealed {
			return p, nil
		}
		c.torn()
		p.done = append(p.done, c.end())
	}
	return p, nil
}

func (c *cursor) begin(s *segment) {
	c.seg, c.buf, c.off, c.damaged, c.failures = s, nil, 0, false, 0
}

func (c *cursor) end() finished {
	f := finished{segment: c.seg, damaged: c.damaged}
	c.seg, c.buf = nil, nil
	return f
}

// load reads what became durable since.
func (c *cursor) load(seen *segment) error {
	if int64(len(c.buf)) >= seen.durable {
		return nil
	}
	more, err := seen.load(int64(len(c.buf)), seen.durable)
	if err != nil {
		return err
	}
	c.buf = append(c.buf, more...)
	return nil
}

// read takes events out of the buffer.
func (c *cursor) read(p *portion, most int) {
	for len(p.events) < most {
		e, end, found := nextFrame(c.buf, c.off)
		switch found {
		case frameNone:
			return
		case frameDamage:
			c.damaged = true
			c.bad += end - max(c.off, len(segmentMagic))
		case frameEvent:
			c.follow(&e)
			p.events = append(p.events, e)
			p.counts[c.seg]++
		}
		c.off = end
	}
}

// follow compares an event with the chain so far. An event that stands twice, as it does when a write had to be repeated in another
// file, takes the chain back to its place.
func (c *cursor) follow(e *Event) {
	defer func() {
		c.known, c.epoch, c.sequence, c.hash, c.bad = true, e.Epoch, e.Sequence, e.Hash, 0
	}()
	expected := c.sequence + 1
	if !c.known || e.Epoch != c.epoch {
		c.torn()
		expected = 1
		if e.Epoch == c.note.ShippedEpoch {
			expected = c.note.ShippedSequence + 1
		}
		if e.Sequence > expected {
			c.gap(e, expected)
		}
		return
	}
	switch {
	case e.Sequence > expected:
		c.gap(e, expected)
	case e.Sequence < expected:
	case e.Previous != c.hash:
		c.tamper("the chain of hashes is broken", e)
	case c.bad > 0:
		c.tamper("bytes that are no event stand between events", e)
	}
}

func (c *cursor) gap(e *Event, expected int64) {
	c.say(ringfence.Event{Type: ringfence.TrailGap, Detail: map[string]string{
		"epoch": fmt.Sprint(e.Epoch), "from": fmt.Sprint(expected), "to": fmt.Sprint(e.Sequence - 1),
		"file": c.file(), "bytes": fmt.Sprint(c.bad),
	}})
}

func (c *cursor) tamper(what string, e *Event) {
	c.say(ringfence.Event{Type: ringfence.TrailTamper, Detail: map[string]string{
		"what": what, "epoch": fmt.Sprint(e.Epoch), "sequence": fmt.Sprint(e.Sequence), "file": c.file(), "bytes": fmt.Sprint(c.bad),
	}})
}

func (c *cursor) say(e ringfence.Event) {
	if g := c.tell(e); g != nil {
		c.told = append(c.told, g)
	}
}

// torn tells of bytes at a chain's end that are no event: as a power cut leaves them, when they were never acknowledged.
func (c *cursor) torn() {
	if c.bad == 0 {
		return
	}
	c.say(ringfence.Event{Type: ringfence.TrailGap, Severity: ringfence.Warning, Detail: map[string]string{
		"what": "torn bytes at the end of a file", "epoch": fmt.Sprint(c.epoch), "after": fmt.Sprint(c.sequence),
		"file": c.file(), "bytes": fmt.Sprint(c.bad),
	}})
	c.bad = 0
}

func (c *cursor) unreadable(seen *segment, err error) {
	what := "a journal file cannot be read"
	if errors.Is(err, os.ErrNotExist) {
		what = "a journal file was removed"
	} else {
		c.damaged = true
	}
	c.say(ringfence.Event{Type: ringfence.TrailTamper, Detail: map[string]string{
		"what": what, "epoch": fmt.Sprint(seen.epoch), "from": fmt.Sprint(seen.first), "file": filepath.Base(seen.path),
	}})
}

func (c *cursor) file() string {
	if c.seg == nil {
		return ""
	}
	return filepath.Base(c.seg.path)
}
