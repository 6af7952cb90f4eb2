package load

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
	"time"
)

// Options describe a phase of load.
type Options struct {
	Endpoint  string // "host:port" of the SQS endpoint
	QueueURL  string
	Clients   int           // closed-loop clients, one connection each
	Batch     int           // messages per request, 1 to 10
	BodyBytes int           // of each message
	Duration  time.Duration // of the phase
}

// CreateQueue makes a queue with default settings and returns its URL.
func CreateQueue(endpoint, name string) (string, error) {
	c := connection{address: endpoint}
	defer c.close()
	request, err := json.Marshal(map[string]string{"QueueName": name})
	if err != nil {
		return "", err
	}
	body, err := c.call("CreateQueue", request)
	if err != nil {
		return "", fmt.Errorf("create queue %s: %w", name, err)
	}
	var answer struct{ QueueUrl string }
	if err := json.Unmarshal(body, &answer); err != nil {
		return "", fmt.Errorf("answer to CreateQueue: %w", err)
	}
	return answer.QueueUrl, nil
}

// run lets Clients loops work side by side until the phase is over. A loop returns the messages one round has
// acknowledged.
func run(ctx context.Context, name string, o Options, loop func(c *connection, client int) (messages int, err error)) Result {
	ctx, cancel := context.WithTimeout(ctx, o.Duration)
	defer cancel()
	var all recorder
	var clients sync.WaitGroup
	start := time.Now()
	for client := range o.Clients {
		clients.Go(func() {
			c := &connection{address: o.Endpoint}
			defer c.close()
			for ctx.Err() == nil {
				begin := time.Now()
				messages, err := loop(c, client)
				if err != nil {
					all.failed(err)
					select {
					case <-time.After(5 * time.Millisecond):
					case <-ctx.Done():
					}
					continue
				}
				all.done(begin, messages)
			}
		})
	}
	clients.Wait()
	return all.result(name, time.Since(start))
}

// Send sends messages for the phase's duration.
func Send(ctx context.Context, name string, o Options) Result {
	action, request := sendRequest(o)
	return run(ctx, name, o, func(c *connection, _ int) (int, error) {
		body, err := c.call(action, request)
		if err != nil {
			return 0, err
		}
		if n := bytes.Count(body, []byte(`"MessageId"`)); n != o.Batch {
			return 0, fmt.Errorf("%d of %d messages were accepted: %.200s", n, o.Batch, body)
		}
		return o.Batch, nil
	})
}

func sendRequest(o Options) (action string, request []byte) {
	body := string(bytes.Repeat([]byte("x"), o.BodyBytes))
	url := strconv.Quote(o.QueueURL)
	if o.Batch == 1 {
		return "SendMessage", fmt.Appendf(nil, `{"QueueUrl":%s,"MessageBody":"%s"}`, url, body)
	}
	request = fmt.Appendf(nil, `{"QueueUrl":%s,"Entries":[`, url)
	for i := range o.Batch {
		if i > 0 {
			request = append(request, ',')
		}
		request = fmt.Appendf(request, `{"Id":"%d","MessageBody":"%s"}`, i, body)
	}
	return "SendMessageBatch", append(request, "]}"...)
}

var handleKey = []byte(`"ReceiptHandle":"`)

// handles finds the receipt handles in an answer to ReceiveMessage. They hold no character that JSON escapes.
func handles(body []byte) []string {
	var all []string
	for {
		i := bytes.Index(body, handleKey)
		if i < 0 {
			return all
		}
		body = body[i+len(handleKey):]
		end := bytes.IndexByte(body, '"')
		if end < 0 {
			return all
		}
		all = append(all, string(body[:end]))
		body = body[end:]
	}
}

// ReceiveDelete receives messages and deletes them, for the phase's duration. A round is one receive and one delete.
func ReceiveDelete(ctx context.Context, name string, o Options) Result {
	url := strconv.Quote(o.QueueURL)
	receive := fmt.Appendf(nil, `{"QueueUrl":%s,"MaxNumberOfMessages":%d,"WaitTimeSeconds":1}`, url, o.Batch)
	return run(ctx, name, o, func(c *connection, _ int) (int, error) {
		body, err := c.call("ReceiveMessage", receive)
		if err != nil {
			return 0, err
		}
		received := handles(body)
		if len(received) == 0 {
			return 0, nil
		}
		action, request := deleteRequest(url, received)
		body, err = c.call(action, request)
		if err != nil {
			return 0, err
		}
		if bytes.Contains(body, []byte(`"Failed"`)) {
			return 0, fmt.Errorf("delete failed: %.200s", body)
		}
		return len(received), nil
	})
}

func deleteRequest(url string, handles []string) (action string, request []byte) {
	if len(handles) == 1 {
		return "DeleteMessage", fmt.Appendf(nil, `{"QueueUrl":%s,"ReceiptHandle":"%s"}`, url, handles[0])
	}
	request = fmt.Appendf(nil, `{"QueueUrl":%s,"Entries":[`, url)
	for i, handle := range handles {
		if i > 0 {
			request = append(request, ',')
		}
		request = fmt.Appendf(request, `{"Id":"%d","ReceiptHandle":"%s"}`, i, handle)
	}
	return "DeleteMessageBatch", append(request, "]}"...)
}

// Account is the account that the load's requests act for.
const Account = "000000000000"
