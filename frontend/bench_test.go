package frontend

import (
	"bytes"
	"context"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"chasqui/backend/queue"
	"chasqui/metadata/catalog"
)

// instant is a backend and a cache that know everything at once.
type instant struct {
	*world
	record *catalog.Queue
	result queue.Result
}

func (b *instant) Queue(context.Context, string, string) (*catalog.Queue, error) {
	return b.record, nil
}
func (b *instant) Store(*catalog.Queue)              {}
func (b *instant) Invalidate(string, string, uint64) {}
func (b *instant) Refresh(context.Context) error     { return nil }
func (b *instant) Do(_ context.Context, _ uint16, command *queue.Command, _ time.Duration) (*queue.Result, error) {
	command.Encode()
	return &b.result, nil
}

// discard is a ResponseWriter that keeps nothing.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
func (d *discard) WriteHeader(int)             {}

// body is a request body that can be read again.
type body struct{ bytes.Reader }

func (*body) Close() error { return nil }

// BenchmarkSendMessageBatch measures a frontend alone: ten messages of 1 KiB in one request, without connections and
// with a backend that only encodes the command.
func BenchmarkSendMessageBatch(b *testing.B) {
	var request bytes.Buffer
	request.WriteString(`{"QueueUrl":"http://localhost:9324/` + testAccount + `/q","Entries":[`)
	for i := range 10 {
		if i > 0 {
			request.WriteByte(',')
		}
		request.WriteString(`{"Id":"m` + strconv.Itoa(i) + `","MessageBody":"` + strings.Repeat("lazy dog", 128) + `"}`)
	}
	request.WriteString(`]}`)
	benchmarkRequests(b, "SendMessageBatch", request.String(), queue.Result{Sent: make([]queue.Sent, 10)})
}

// BenchmarkReceiveMessage is its counterpart: ten messages of 1 KiB in one answer.
func BenchmarkReceiveMessage(b *testing.B) {
	result := queue.Result{Messages: make([]queue.Message, 10)}
	for i := range result.Messages {
		result.Messages[i] = queue.Message{Seq: uint64(i), Receive: 1, Body: bytes.Repeat([]byte("lazy dog"), 128)}
	}
	benchmarkRequests(b, "ReceiveMessage", `{"QueueUrl":"http://localhost:9324/`+testAccount+`/q","MaxNumberOfMessages":10}`, result)
}

// benchmarkRequests sends the same request again and again, to which the backend has one result.
func benchmarkRequests(b *testing.B, action, request string, result queue.Result) {
	w := newWorld(b)
	backend := &instant{world: w, record: &catalog.Queue{ID: 1, Version: 1, Slots: []uint16{0}, Attributes: catalog.DefaultAttributes(false)},
		result: result}
	s, err := NewServer(w.host, DefaultConfig(), w, backend, backend)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	var content body
	bodyBytes := []byte(request)
	r, err := http.NewRequest(http.MethodPost, "http://localhost:9324/", &content)
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("X-Amz-Target", "AmazonSQS."+action)
	r.ContentLength = int64(len(request))
	writer := &discard{header: make(http.Header)}
	b.ReportAllocs()
	b.SetBytes(r.ContentLength)
	for b.Loop() {
		content.Reset(bodyBytes)
		s.ServeHTTP(writer, r)
	}
	if headers := map[string][]string(writer.header); headers["x-amzn-query-error"] != nil {
		b.Fatal(writer.header)
	}
	b.ReportMetric(float64(b.N)*10/b.Elapsed().Seconds(), "messages/s")
}
