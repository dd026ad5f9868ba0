package decide

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
	"strconv"
	"sync"
)

// hashAny is PostgreSQL's hash_any (src/common/hashfn.c: Bob Jenkins' lookup3 on a little-endian machine), of which
// hashtext is the signed result. Only a collision that the server confirms is ever reported from it.
func hashAny(k []byte) uint32 {
	a := 0x9e3779b9 + uint32(len(k)) + 3923095
	b, c := a, a
	for ; len(k) >= 12; k = k[12:] {
		a += binary.LittleEndian.Uint32(k)
		b += binary.LittleEndian.Uint32(k[4:])
		c += binary.LittleEndian.Uint32(k[8:])
		a, b, c = hashMix(a, b, c)
	}
	for i, x := range k {
		switch {
		case i < 4:
			a += uint32(x) << (8 * i)
		case i < 8:
			b += uint32(x) << (8 * (i - 4))
		default: // the lowest byte of c is reserved for the length
			c += uint32(x) << (8 * (i - 7))
		}
	}
	return hashFinal(a, b, c)
}

func hashMix(a, b, c uint32) (uint32, uint32, uint32) {
	a = (a - c) ^ bits.RotateLeft32(c, 4)
	c += b
	b = (b - a) ^ bits.RotateLeft32(a, 6)
	a += c
	c = (c - b) ^ bits.RotateLeft32(b, 8)
	b += a
	a = (a - c) ^ bits.RotateLeft32(c, 16)
	c += b
	b = (b - a) ^ bits.RotateLeft32(a, 19)
	a += c
	c = (c - b) ^ bits.RotateLeft32(b, 4)
	b += a
	return a, b, c
}

func hashFinal(a, b, c uint32) uint32 {
	c = (c ^ b) - bits.RotateLeft32(b, 14)
	a = (a ^ c) - bits.RotateLeft32(c, 11)
	b = (b ^ a) - bits.RotateLeft32(a, 25)
	c = (c ^ b) - bits.RotateLeft32(b, 16)
	a = (a ^ c) - bits.RotateLeft32(c, 4)
	b = (b ^ a) - bits.RotateLeft32(a, 14)
	return (c ^ b) - bits.RotateLeft32(b, 24)
}

func hashText32(v []value) (value, outcome) {
	if v[0].k != kindText {
		return null, opaque
	}
	return number(int64(int32(hashAny([]byte(v[0].s))))), done
}

// collisions holds, for words, numbers and uuids, two that a hash takes for one, or of which it begins alike; looked for once, when a
// predicate hashes.
type collisions struct{ words, numbers, uuids func() [2]string }

// collidingText are those of hashtext; collidingMD5 and collidingSHA256 begin with the same eight digits.
var (
	collidingText   = collisionsOf(hashAny)
	collidingMD5    = collisionsOf(func(k []byte) uint32 { h := md5.Sum(k); return binary.BigEndian.Uint32(h[:]) })
	collidingSHA256 = collisionsOf(func(k []byte) uint32 { h := sha256.Sum256(k); return binary.BigEndian.Uint32(h[:]) })
)

func collisionsOf(hash func([]byte) uint32) *collisions {
	pair := func(name func(int) string) func() [2]string {
		return sync.OnceValue(func() [2]string { return collide(hash, name) })
	}
	return &collisions{
		words:   pair(threeLetters),
		numbers: pair(func(i int) string { return strconv.Itoa(1000 + i) }),
		uuids: pair(func(i int) string {
			n := strconv.FormatInt(int64(0x100000+i), 16)
			return "cccccccc-cccc-4ccc-8ccc-cccccc" + n[len(n)-6:]
		}),
	}
}

// threeLetters numbers the words of three letters and digits: so short that they fit into nearly any column.
func threeLetters(i int) string {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	n := len(letters)
	return string([]byte{letters[i%n], letters[i/n%n], letters[i/n/n%n]})
}

// collide finds two of a series that have one hash; by the birthday bound some eighty thousand are looked at.
func collide(hash func([]byte) uint32, name func(int) string) [2]string {
	seen := make(map[uint32]int, 1<<17)
	for i := range 1 << 20 {
		h := hash([]byte(name(i)))
		if k, ok := seen[h]; ok {
			return [2]string{name(k), name(i)}
		}
		seen[h] = i
	}
	return [2]string{name(0), name(1)}
}
