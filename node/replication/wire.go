package replication

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/hashicorp/raft"

	"chasqui/node/rpc"
)

// Raft's messages on the wire. Entries are the bulk of all traffic inside a cluster, so they are laid out plainly
// and decoded without copying: an entry's Data aliases the received frame. Integers are little-endian; every byte
// string has a four-byte length.
//
//	every message:    group(4) | fields as below
//	append request:   protocol(4) id addr | term prevIndex prevTerm commit (8 each) | count(4) | entries
//	an entry:         index(8) term(8) type(1) appendedAt(8) data
//	append response:  protocol id addr | term lastLog (8) | flags(1): 1 success, 2 no backoff
//	vote request:     protocol id addr | term lastIndex lastTerm (8) | flags(1): 1 leadership transfer
//	vote response:    protocol id addr | term (8) | flags(1): 1 granted
//	snapshot chunk:   see install.go

var errMessage = errors.New("malformed raft message")

const entryWireBytesMin = 8 + 8 + 1 + 8 + 4

type encoder struct{ b []byte }

func (e *encoder) u8(v byte)    { e.b = append(e.b, v) }
func (e *encoder) u32(v uint32) { e.b = binary.LittleEndian.AppendUint32(e.b, v) }
func (e *encoder) u64(v uint64) { e.b = binary.LittleEndian.AppendUint64(e.b, v) }
func (e *encoder) bytes(v []byte) {
	e.u32(uint32(len(v)))
	e.b = append(e.b, v...)
}
func (e *encoder) header(h raft.RPCHeader) {
	e.u32(uint32(h.ProtocolVersion))
	e.bytes(h.ID)
	e.bytes(h.Addr)
}

// decoder reads fields in order. After the first field that does not fit, every read gives zero and err is set.
type decoder struct {
	b   []byte
	err error
}

func (d *decoder) take(n uint64) []byte {
	if d.err != nil || n > uint64(len(d.b)) {
		d.err = errMessage
		return nil
	}
	v := d.b[:n:n]
	d.b = d.b[n:]
	return v
}

func (d *decoder) u8() byte {
	if v := d.take(1); v != nil {
		return v[0]
	}
	return 0
}

func (d *decoder) u32() uint32 {
	if v := d.take(4); v != nil {
		return binary.LittleEndian.Uint32(v)
	}
	return 0
}

func (d *decoder) u64() uint64 {
	if v := d.take(8); v != nil {
		return binary.LittleEndian.Uint64(v)
	}
	return 0
}

func (d *decoder) bytes() []byte { return d.take(uint64(d.u32())) }

func (d *decoder) header() raft.RPCHeader {
	return raft.RPCHeader{ProtocolVersion: raft.ProtocolVersion(d.u32()), ID: d.bytes(), Addr: d.bytes()}
}

func (d *decoder) end() error {
	if d.err == nil && len(d.b) != 0 {
		d.err = errMessage
	}
	return d.err
}

// encodeAppendRequest returns the message in parts: the entries' data, which is most of it, need not be copied.
func encodeAppendRequest(group uint32, r *raft.AppendEntriesRequest) []rpc.Part {
	fixed := 4 + 4 + 4 + len(r.ID) + 4 + len(r.Addr) + 4*8 + 4
	// All headers lie in one piece of memory of exactly this size, so that it does not move while parts are cut from it.
	e := encoder{b: make([]byte, 0, fixed+len(r.Entries)*entryWireBytesMin)}
	e.u32(group)
	e.header(r.RPCHeader)
	e.u64(r.Term)
	e.u64(r.PrevLogEntry)
	e.u64(r.PrevLogTerm)
	e.u64(r.LeaderCommitIndex)
	e.u32(uint32(len(r.Entries)))
	parts := make([]rpc.Part, 0, 1+2*len(r.Entries))
	cut := 0
	for _, entry := range r.Entries {
		e.u64(entry.Index)
		e.u64(entry.Term)
		e.u8(byte(entry.Type))
		e.u64(uint64(unixNano(entry.AppendedAt)))
		e.u32(uint32(len(entry.Data)))
		parts = append(parts, rpc.Part{Data: e.b[cut:]}, rpc.Part{Data: entry.Data, Immutable: true, Checksum: checksumOf(entry)})
		cut = len(e.b)
	}
	return append(parts, rpc.Part{Data: e.b[cut:]})
}

func decodeAppendRequest(d *decoder) (*raft.AppendEntriesRequest, error) {
	r := &raft.AppendEntriesRequest{RPCHeader: d.header()}
	r.Term, r.PrevLogEntry, r.PrevLogTerm, r.LeaderCommitIndex = d.u64(), d.u64(), d.u64(), d.u64()
	count := d.u32()
	if uint64(count) > uint64(len(d.b)/entryWireBytesMin) {
		return nil, errMessage
	}
	if count > 0 {
		logs := make([]raft.Log, count)
		r.Entries = make([]*raft.Log, count)
		for i := range logs {
			l := &logs[i]
			l.Index, l.Term, l.Type = d.u64(), d.u64(), raft.LogType(d.u8())
			l.AppendedAt = fromUnixNano(int64(d.u64()))
			l.Data = d.bytes()
			r.Entries[i] = l
		}
	}
	return r, d.end()
}

func encodeAppendResponse(r *raft.AppendEntriesResponse) []byte {
	e := encoder{b: make([]byte, 0, 64)}
	e.header(r.RPCHeader)
	e.u64(r.Term)
	e.u64(r.LastLog)
	e.u8(flags(r.Success, r.NoRetryBackoff))
	return e.b
}

func decodeAppendResponse(b []byte, r *raft.AppendEntriesResponse) error {
	d := decoder{b: b}
	r.RPCHeader, r.Term, r.LastLog = d.header(), d.u64(), d.u64()
	f := d.u8()
	r.Success, r.NoRetryBackoff = f&1 != 0, f&2 != 0
	return d.end()
}

// A vote and a pre-vote have the same fields; the method tells them apart.
type voteRequest struct {
	header                      raft.RPCHeader
	term, lastIndex, lastTerm   uint64
	leadershipTransferRequested bool
}

func encodeVoteRequest(group uint32, r voteRequest) []byte {
	e := encoder{b: make([]byte, 0, 96)}
	e.u32(group)
	e.header(r.header)
	e.u64(r.term)
	e.u64(r.lastIndex)
	e.u64(r.lastTerm)
	e.u8(flags(r.leadershipTransferRequested, false))
	return e.b
}

func decodeVoteRequest(d *decoder) (voteRequest, error) {
	r := voteRequest{header: d.header(), term: d.u64(), lastIndex: d.u64(), lastTerm: d.u64()}
	r.leadershipTransferRequested = d.u8()&1 != 0
	return r, d.end()
}

func encodeVoteResponse(header raft.RPCHeader, term uint64, granted bool) []byte {
	e := encoder{b: make([]byte, 0, 64)}
	e.header(header)
	e.u64(term)
	e.u8(flags(granted, false))
	return e.b
}

func decodeVoteResponse(b []byte) (header raft.RPCHeader, term uint64, granted bool, err error) {
	d := decoder{b: b}
	header, term, granted = d.header(), d.u64(), d.u8()&1 != 0
	return header, term, granted, d.end()
}

func flags(first, second bool) byte {
	var f byte
	if first {
		f |= 1
	}
	if second {
		f |= 2
	}
	return f
}

// unixNano and fromUnixNano keep the zero time zero, which raft uses for "not known".
func unixNano(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func fromUnixNano(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns)
}
