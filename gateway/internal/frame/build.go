package frame

import (
	"encoding/binary"
	"math/rand/v2"

	"github.com/gobwas/ws"
)

// Mask returns a fresh masking key. RFC 6455, 5.3, asks for one that cannot be foreseen: the generator behind math/rand/v2's
// top-level functions is ChaCha8, seeded by the operating system.
func Mask() (m [4]byte) {
	binary.NativeEndian.PutUint32(m[:], rand.Uint32())
	return m
}

// Append appends a whole frame, its final bit set, as the side sends it: masked by a client, with a fresh key. payload is left
// as it is.
func Append(b []byte, op ws.OpCode, payload []byte, as Side) []byte {
	b = AppendHeader(b, op, len(payload), as)
	at := len(b)
	b = append(b, payload...)
	if as == FromClient {
		ws.Cipher(b[at:], [4]byte(b[at-4:at]), 0)
	}
	return b
}

// AppendHeader appends the header of a final frame of n bytes as the side sends it: masked, with a fresh key in the header's
// last four bytes, by a client; not masked by a server.
func AppendHeader(b []byte, op ws.OpCode, n int, as Side) []byte {
	first, bit := byte(op)|0x80, byte(0)
	if as == FromClient {
		bit = 0x80
	}
	switch {
	case n < 126:
		b = append(b, first, bit|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, first, bit|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, first, bit|127), uint64(n))
	}
	if as == FromClient {
		m := Mask()
		b = append(b, m[:]...)
	}
	return b
}

// Remask gives the whole masked frame in b, whose payload was unmasked in place, a fresh key. size is its header's.
func Remask(b []byte, size int) {
	m := Mask()
	copy(b[size-4:], m[:])
	cipher(b[size:], m)
}

// fewBytes is up to which length a loop over words is quicker than gobwas's vectors, which take a while to begin.
const fewBytes = 256

// cipher masks or unmasks a payload from its first byte on.
func cipher(b []byte, m [4]byte) {
	if len(b) > fewBytes {
		ws.Cipher(b, m, 0)
		return
	}
	key := uint64(binary.LittleEndian.Uint32(m[:]))
	key |= key << 32
	for ; len(b) >= 32; b = b[32:] {
		w := (*[32]byte)(b)
		binary.LittleEndian.PutUint64(w[0:], binary.LittleEndian.Uint64(w[0:])^key)
		binary.LittleEndian.PutUint64(w[8:], binary.LittleEndian.Uint64(w[8:])^key)
		binary.LittleEndian.PutUint64(w[16:], binary.LittleEndian.Uint64(w[16:])^key)
		binary.LittleEndian.PutUint64(w[24:], binary.LittleEndian.Uint64(w[24:])^key)
	}
	for ; len(b) >= 8; b = b[8:] {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^key)
	}
	for i := range b {
		b[i] ^= byte(key >> (8 * i))
	}
}
