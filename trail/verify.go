package trail

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/ringfencehq/ringfence"
)

// The kinds of thing that verification finds.
const (
	Changed   = "changed"   // a record is not what it was when it was accepted
	Missing   = "missing"   // a record that others name is not there
	Reordered = "reordered" // records do not stand in the order in which they were accepted
	Truncated = "truncated" // records at an end of the chain are gone
	Inserted  = "inserted"  // a record stands where the chain has no place for it
	Damaged   = "damaged"   // bytes or a line are no record at all
	Unsigned  = "signature" // a checkpoint's signature does not hold
)

// A Finding is one thing that is wrong with a chain.
type Finding struct {
	Kind     string `json:"kind"`
	Node     string `json:"node,omitempty"`
	Epoch    int64  `json:"epoch,omitempty"`
	Sequence int64  `json:"sequence,omitempty"`
	Event    string `json:"event_id,omitempty"`
	Detail   string `json:"detail"`
}

// A Verification is what became of one source of records: the table, a journal, an export.
type Verification struct {
	Source      string    `json:"source"`
	Records     int64     `json:"records"`
	Retired     int64     `json:"retired"` // records of retired months, of which the hashes are kept
	Repeated    int64     `json:"repeated"`
	Chains      int       `json:"chains"`
	Checkpoints int       `json:"checkpoints"`
	Signed      int64     `json:"signed"` // records that a verified checkpoint covers
	Findings    []Finding `json:"findings"`
	Unknown     []string  `json:"unknown"` // what could not be told, and why
}

// State sums the verification up: Fault where something was found, Unknown where something could not be told.
func (v *Verification) State() State {
	switch {
	case len(v.Findings) > 0:
		return Fault
	case len(v.Unknown) > 0:
		return Unknown
	}
	return Good
}

// a link is what verification keeps of a record.
type link struct {
	sequence       int64
	id             ID
	hash, previous Hash
	sound          bool // the content has the hash
	content        *Event
	retired        bool
}

// verifier gathers the records of one source, in the source's own order, and judges them.
type verifier struct {
	out     *Verification
	chains  map[chainKey][]link
	points  map[chainKey][]Checkpoint
	ends    map[chainKey]link // where a chain ended, as the node's next start tells
	repeats repeatPolicy
	starts  startPolicy
}

// repeatPolicy says what a record that stands there twice means.
type repeatPolicy int

const (
	repeatsFound   repeatPolicy = iota // in a table it was inserted
	repeatsCounted                     // a journal and a sink tell a record again after a crash
)

// startPolicy says what it means that a chain does not begin at its first record.
type startPolicy int

const (
	startsFound startPolicy = iota // the beginning was cut off
	startsFreed                    // a journal's files are freed, an export may begin later
)

func newVerifier(source string) *verifier {
	return &verifier{out: &Verification{Source: source, Findings: []Finding{}, Unknown: []string{}}, chains: map[chainKey][]link{}, points: map[chainKey][]Checkpoint{}, ends: map[chainKey]link{}}
}

// add takes the next record of the source.
func (v *verifier) add(e *Event) {
	l := link{sequence: e.Sequence, id: e.ID, hash: e.Hash, previous: e.Previous, sound: e.Digest() == e.Hash}
	if !l.sound {
		c := e.clone()
		l.content = &c
	}
	key := chainKey{e.Node, e.Epoch}
	v.chains[key] = append(v.chains[key], l)
	v.out.Records++
	if e.Type == ringfence.NodeStarted && e.Sequence == 1 && l.sound {
		v.end(e)
	}
}

// end notes what the first record of an epoch says of the one before: its last record.
func (v *verifier) end(e *Event) {
	epoch, err1 := strconv.ParseInt(e.Detail["previous_epoch"], 10, 64)
	sequence, err2 := strconv.ParseInt(e.Detail["previous_sequence"], 10, 64)
	hash, err3 := ParseHash(e.Detail["previous_hash"])
	if err1 == nil && err2 == nil && err3 == nil && sequence > 0 {
		v.ends[chainKey{e.Node, epoch}] = link{sequence: sequence, hash: hash}
	}
}

func (v *verifier) found(kind string, key chainKey, l link, format string, args ...any) {
	f := Finding{Kind: kind, Node: key.node, Epoch: key.epoch, Sequence: l.sequence, Detail: fmt.Sprintf(format, args...)}
	if l.id != (ID{}) {
		f.Event = l.id.String()
	}
	v.out.Findings = append(v.out.Findings, f)
}

// judge looks at every chain and returns the verification.
func (v *verifier) judge() *Verification {
	keys := map[chainKey]bool{}
	for k := range v.chains {
		keys[k] = true
	}
	for k := range v.points {
		keys[k] = true
	}
	for k := range v.ends {
		if v.starts == startsFound {
			keys[k] = true
		}
	}
	v.out.Chains = len(keys)
	for _, key := range slices.SortedFunc(maps.Keys(keys), func(a, b chainKey) int {
		return cmp.Or(cmp.Compare(a.node, b.node), cmp.Compare(a.epoch, b.epoch))
	}) {
		v.chain(key)
	}
	return v.out
}

func (v *verifier) chain(key chainKey) {
	before := len(v.out.Findings)
	links := v.order(key, v.chains[key])
	links = v.single(key, links)
	v.linked(key, links)
	v.ended(key, links)
	v.signed(key, links, len(v.out.Findings) == before)
}

// order puts the records in the order of their sequence and names those that stood elsewhere. Ids ascend with the sequence, so that in a
// table too there is an order to break.
func (v *verifier) order(key chainKey, links []link) []link {
	v.exchanged(key, links)
	times := map[int64]int{}
	for i := range links {
		times[links[i].sequence]++
	}
	var last int64
	for _, l := range links {
		if l.sequence < last && times[l.sequence] == 1 && !l.retired {
			v.found(Reordered, key, l, "it stands after record %d", last)
		}
		last = max(last, l.sequence)
	}
	sorted := slices.Clone(links)
	slices.SortStableFunc(sorted, func(a, b link) int { return cmp.Compare(a.sequence, b.sequence) })
	return sorted
}

// exchanged finds records whose content fits their hash again with the place that another one has now, names them, and puts them back.
func (v *verifier) exchanged(key chainKey, links []link) {
	var suspects []int
	for i := range links {
		if !links[i].sound {
			suspects = append(suspects, i)
		}
	}
	if len(suspects) > 1000 {
		return // that many changed records say enough
	}
	places := make([]int64, len(suspects))
	for n, i := range suspects {
		places[n] = links[i].sequence
	}
	for _, i := range suspects {
		l := &links[i]
		for _, place := range places {
			was := *l.content
			was.Sequence = place
			if place == l.sequence || was.Digest() != l.hash {
				continue
			}
			v.found(Reordered, key, *l, "it was record %d of its chain", place)
			l.sequence, l.sound = place, true
			break
		}
	}
}

// single leaves one record for each place: the one that its neighbours name.
func (v *verifier) single(key chainKey, links []link) []link {
	var out []link
	for i := 0; i < len(links); {
		end := i + 1
		for end < len(links) && links[end].sequence == links[i].sequence {
			end++
		}
		same := links[i:end]
		best := 0
		for n := range same {
			if v.fits(same[n], out, links[end:]) > v.fits(same[best], out, links[end:]) {
				best = n
			}
		}
		for n, l := range same {
			switch {
			case n == best:
			case v.repeats == repeatsCounted && l.hash == same[best].hash && l.sound == same[best].sound:
				v.out.Repeated++
			default:
				v.found(Inserted, key, l, "another record has place %d of the chain", l.sequence)
			}
		}
		out = append(out, same[best])
		i = end
	}
	return out
}

// fits counts what speaks for a record in its place: its content, the record before, the record after.
func (v *verifier) fits(l link, before, after []link) int {
	n := 0
	if l.sound {
		n++
	}
	if len(before) > 0 && before[len(before)-1].hash == l.previous || len(before) == 0 && l.previous == (Hash{}) {
		n += 2
	}
	if len(after) > 0 && after[0].previous == l.hash {
		n += 4
	}
	return n
}

// linked goes along the chain: contents, places, and each record's hash as the next one knows it.
func (v *verifier) linked(key chainKey, links []link) {
	for i, l := range links {
		if !l.sound {
			v.found(Changed, key, l, "its content has not the hash that is stored with it")
		}
		if i == 0 {
			if l.sequence != 1 && v.starts == startsFound {
				v.found(Truncated, key, l, "the chain begins with record %d; what stood before is neither there nor retired", l.sequence)
			} else if l.sequence == 1 && l.previous != (Hash{}) && l.sound {
				v.found(Changed, key, l, "the first record of a chain names one before it")
			}
			continue
		}
		p := links[i-1]
		switch gap := l.sequence - p.sequence - 1; {
		case gap == 1:
			v.found(Missing, key, link{sequence: p.sequence + 1}, "it is neither there nor retired")
		case gap > 1:
			v.found(Missing, key, link{sequence: p.sequence + 1}, "%d records are neither there nor retired: up to %d", gap, l.sequence-1)
		case l.previous != p.hash && l.sound && p.sound:
			v.found(Changed, key, p, "the record after it knows another hash: %s", l.previous.String()[:16])
		}
	}
}

// ended compares the chain's end with what the node said of it when it started again.
func (v *verifier) ended(key chainKey, links []link) {
	end, told := v.ends[key]
	var last link
	if len(links) > 0 {
		last = links[len(links)-1]
	}
	switch {
	case !told || len(links) == 0 && v.starts == startsFreed:
	case last.sequence < end.sequence:
		v.found(Truncated, key, link{sequence: last.sequence + 1}, "the node ended this epoch with record %d; the chain ends with %d", end.sequence, last.sequence)
	case last.sequence == end.sequence && last.hash != end.hash && last.sound:
		v.found(Changed, key, last, "the node's next start knows another hash of it")
	}
}

// signed compares the chain with its checkpoints. Where the chain is broken already, only its length is compared.
func (v *verifier) signed(key chainKey, links []link, sound bool) {
	points := v.points[key]
	slices.SortFunc(points, func(a, b Checkpoint) int { return cmp.Compare(a.Size, b.Size) })
	if len(points) == 0 {
		return
	}
	last := points[len(points)-1]
	told := v.ends[key].sequence > 0
	var have int64
	if len(links) > 0 {
		have = links[len(links)-1].sequence
	}
	if last.Sequence > have && !(told && !sound) {
		v.found(Truncated, key, link{sequence: have + 1}, "a checkpoint covers the chain up to record %d; it ends with %d", last.Sequence, have)
		sound = false
	}
	if len(links) > 0 && links[0].sequence != 1 {
		return
	}
	if !sound {
		return
	}
	var t tree
	n := 0
	for _, c := range points {
		for n < len(links) && t.size < c.Size {
			t.add(links[n].hash)
			n++
		}
		if t.size != c.Size || t.root() != c.Root || n == 0 || links[n-1].sequence != c.Sequence {
			v.found(Changed, key, link{sequence: c.Sequence, id: c.Event}, "the %d records up to here are not those that the checkpoint of %s signed", c.Size, c.Created.Format("2006-01-02 15:04:05"))
			return
		}
	}
	v.out.Signed += t.size
}

func (v *verifier) unknown(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(v.out.Unknown, text) {
		v.out.Unknown = append(v.out.Unknown, text)
	}
}

// checkpoint takes a signed note, and what its signature is worth.
func (v *verifier) checkpoint(signed string, verifiers []string) {
	c, err := OpenCheckpoint(signed, verifiers...)
	v.out.Checkpoints++
	if err != nil {
		v.out.Findings = append(v.out.Findings, Finding{Kind: Unsigned, Node: c.Node, Epoch: c.Epoch, Detail: strconv.QuoteToASCII(err.Error())})
		return
	}
	if len(verifiers) == 0 {
		v.unknown("the signatures of checkpoints: no verifier key was given")
	}
	key := chainKey{c.Node, c.Epoch}
	v.points[key] = append(v.points[key], c)
}
