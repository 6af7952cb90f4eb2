package protocol

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

// batchBody is a SendMessageBatch of ten messages of 1 KiB, with a quote or line break now and then.
func batchBody() []byte {
	line := strings.Repeat("The quick brown fox jumps over the lazy dog. ", 5)[:214]
	body := strings.Repeat(line+`\n\"`, 4)
	body += strings.Repeat("x", 1024-4*216)
	var b bytes.Buffer
	b.WriteString(`{"QueueUrl":"http://localhost:9324/000000000000/bench","Entries":[`)
	for i := range 10 {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`{"Id":"message-` + itoa(i) + `","MessageBody":"` + body + `"}`)
	}
	b.WriteString(`]}`)
	return b.Bytes()
}

func BenchmarkDecodeSendMessageBatch(b *testing.B) {
	for _, withDigest := range []bool{false, true} {
		name := "decode"
		if withDigest {
			name = "decode and MD5"
		}
		b.Run(name, func(b *testing.B) {
			body := batchBody()
			scratch := make([]byte, len(body))
			action, _ := ActionNamed("SendMessageBatch")
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				copy(scratch, body)
				request, err := JSON{}.Decode(action, scratch)
				if err != nil {
					b.Fatal(err)
				}
				if withDigest {
					for i := range request.(*SendMessageBatchRequest).Entries {
						BodyDigest(request.(*SendMessageBatchRequest).Entries[i].Body)
					}
				}
			}
			b.ReportMetric(float64(b.N)*10/b.Elapsed().Seconds(), "messages/s")
		})
	}
}

// BenchmarkScanSendMessageBatchPeer is the peer: a library's tokens and unquoted strings of the same body, which is the
// least that a decoder built on it does.
func BenchmarkScanSendMessageBatchPeer(b *testing.B) {
	body := batchBody()
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	reader := bytes.NewReader(body)
	decoder := jsontext.NewDecoder(reader)
	var text []byte
	for b.Loop() {
		reader.Reset(body)
		decoder.Reset(reader)
		for {
			token, err := decoder.ReadToken()
			if err == io.EOF {
				break
			}
			if err != nil {
				b.Fatal(err)
			}
			if token.Kind() == '"' {
				text = append(text[:0], token.String()...)
			}
		}
	}
	b.ReportMetric(float64(b.N)*10/b.Elapsed().Seconds(), "messages/s")
}

func BenchmarkAppendReceiveMessage(b *testing.B) {
	response := &ReceiveMessageResponse{Messages: make([]ReceivedMessage, 10)}
	for i := range response.Messages {
		response.Messages[i] = ReceivedMessage{ReceiptHandle: strings.Repeat("h", 52), Body: bytes.Repeat([]byte("lazy dog"), 128)}
	}
	var dst []byte
	action, _ := ActionNamed("ReceiveMessage")
	b.ReportAllocs()
	for b.Loop() {
		dst = JSON{}.AppendResponse(dst[:0], action, response, "")
	}
	b.ReportMetric(float64(b.N)*10/b.Elapsed().Seconds(), "messages/s")
}
