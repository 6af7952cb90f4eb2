package rpc

import (
	"bytes"
	"cmp"
	"context"
	"sync"
	"testing"
	"time"

	"github.com/vmihailenco/msgpack/v5"
)

// BenchmarkPipelined keeps 256 small calls in flight on one connection, client and server on the same cores.
func BenchmarkPipelined(b *testing.B) {
	for name, m := range map[string]Method{"inline": methodEcho, "task": methodTask} {
		b.Run(name, func(b *testing.B) {
			p := newLoopbackPair(b, DefaultConfig())
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			body := bytes.Repeat([]byte{1}, 100)
			window := make(chan struct{}, 256)
			var wg sync.WaitGroup
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				window <- struct{}{}
				wg.Add(1)
				p.client.Go(ctx, p.address, m, body, func(_ []byte, err error) {
					if err != nil {
						b.Error(err)
					}
					<-window
					wg.Done()
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
		})
	}
}

// BenchmarkSync8 has 8 callers that wait for each answer before the next call.
func BenchmarkSync8(b *testing.B) {
	for name, m := range map[string]Method{"inline": methodEcho, "task": methodTask} {
		b.Run(name, func(b *testing.B) {
			p := newLoopbackPair(b, DefaultConfig())
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			body := bytes.Repeat([]byte{1}, 100)
			var wg sync.WaitGroup
			b.ReportAllocs()
			b.ResetTimer()
			for caller := range 8 {
				wg.Go(func() {
					for i := caller; i < b.N; i += 8 {
						if _, err := p.client.Call(ctx, p.address, m, body); err != nil {
							b.Error(err)
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
		})
	}
}

// BenchmarkLarge sends bodies of the size of a replication batch.
func BenchmarkLarge(b *testing.B) {
	p := newLoopbackPair(b, DefaultConfig())
	p.server.HandleInline(10, func(c *Call) { c.Reply(nil) })
	body := make([]byte, 256<<10)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if _, err := p.client.Call(context.Background(), p.address, 10, body); err != nil {
			b.Fatal(err)
		}
	}
}

// message has the shape of one message of a SendMessageBatch.
type message struct {
	id                  [16]byte
	body, attributes    []byte
	sender, group, dupe string
	delay               int64
	size                uint64
}

func benchMessages() []message {
	m := make([]message, 10)
	for i := range m {
		m[i] = message{body: make([]byte, 1024), attributes: []byte("attributes"), sender: "AIDAEXAMPLE", group: "group-1",
			dupe: "dedup-1", delay: 15, size: 1 << 40}
	}
	return m
}

func writeMessages(w *Writer, messages []message) {
	w.ArrayLen(len(messages))
	for i := range messages {
		m := &messages[i]
		w.ArrayLen(8)
		w.Bytes(m.id[:])
		w.Bytes(m.body)
		w.Bytes(m.attributes)
		w.String(m.sender)
		w.String(m.group)
		w.String(m.dupe)
		w.Int64(m.delay)
		w.Uint64(m.size)
	}
}

// BenchmarkEncode compares Writer with the library's Encoder for the same bytes.
func BenchmarkEncode(b *testing.B) {
	messages := benchMessages()
	b.Run("writer", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			w := NewWriter()
			writeMessages(w, messages)
			w.Discard()
		}
	})
	b.Run("library", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			w := NewWriter()
			w.Value(&libraryMessages{messages})
			w.Discard()
		}
	})
}

// BenchmarkDecode compares Reader with the library's Decoder on the same bytes.
func BenchmarkDecode(b *testing.B) {
	w := NewWriter()
	writeMessages(w, benchMessages())
	body := w.Finish()
	b.Run("reader", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			r := NewReader(body)
			messages := make([]message, r.ArrayLen(10))
			for i := range messages {
				m := &messages[i]
				r.ArrayExactly(8)
				r.BytesInto(m.id[:])
				m.body, m.attributes = r.Bytes(2048), r.Bytes(2048)
				m.sender, m.group, m.dupe = r.String(128), r.String(128), r.String(128)
				m.delay, m.size = r.Int64(), r.Uint64()
			}
			if err := r.Finish(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("library", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := Decode(body, &libraryMessages{}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

type libraryMessages struct{ messages []message }

func (l *libraryMessages) EncodeMsgpack(e *msgpack.Encoder) error {
	err := e.EncodeArrayLen(len(l.messages))
	for i := range l.messages {
		m := &l.messages[i]
		err = cmp.Or(err, e.EncodeArrayLen(8), e.EncodeBytes(m.id[:]), e.EncodeBytes(m.body), e.EncodeBytes(m.attributes),
			e.EncodeString(m.sender), e.EncodeString(m.group), e.EncodeString(m.dupe), e.EncodeInt(m.delay), e.EncodeUint(m.size))
	}
	return err
}

func (l *libraryMessages) DecodeMsgpack(d *msgpack.Decoder) error {
	n, err := DecodeArrayLen(d, 10)
	if err != nil {
		return err
	}
	l.messages = make([]message, n)
	for i := range l.messages {
		m := &l.messages[i]
		if _, err := DecodeArrayLen(d, 8); err != nil {
			return err
		}
		var id []byte
		for _, p := range []*[]byte{&id, &m.body, &m.attributes} {
			if *p, err = DecodeBytes(d, 2048); err != nil {
				return err
			}
		}
		copy(m.id[:], id)
		for _, p := range []*string{&m.sender, &m.group, &m.dupe} {
			if *p, err = DecodeString(d, 128); err != nil {
				return err
			}
		}
		if m.delay, err = d.DecodeInt64(); err != nil {
			return err
		}
		if m.size, err = d.DecodeUint64(); err != nil {
			return err
		}
	}
	return nil
}
