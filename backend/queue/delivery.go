package queue

import "fmt"

// Delivery is how often a queue delivers a message.
//
//	             a send again      a receive                      a delete
//	             with the same     ...                            with an outdated handle
//	             deduplication ID
//	AtLeastOnce  a second message  hides the message for a time   deletes
//	AtMostOnce   a second message  removes the message            finds nothing
//	ExactlyOnce  no message        hides the message for a time   is refused
//
// A FIFO queue deduplicates, and refuses outdated handles, whatever its Delivery: there AtLeastOnce and ExactlyOnce are
// the same, and AtMostOnce adds that a receive removes.
//
// Redrive has no effect on messages delivered at most once: none is there to be received again. Messages that move here from
// another queue are told apart by their moves (redrive.go), not by deduplication IDs.
type Delivery uint8

// The deliveries. The numbers are part of the command and snapshot formats.
const (
	// AtLeastOnce delivers a message again and again until it is deleted.
	AtLeastOnce Delivery = iota
	// AtMostOnce removes a message when it is delivered. If the answer does not reach the consumer, the message is lost. An
	// answer lost inside the system is not: the session keeps it for the retry.
	AtMostOnce
	// ExactlyOnce stores a message once, however often it is sent within DedupMs, and lets only the consumer that holds
	// it, which is one at a time, delete it.
	ExactlyOnce

	maxDelivery = ExactlyOnce
)

// String returns the delivery's word in scripts and errors.
func (d Delivery) String() string {
	names := [...]string{"at-least-once", "at-most-once", "exactly-once"}
	if int(d) < len(names) {
		return names[d]
	}
	return fmt.Sprintf("delivery(%d)", uint8(d))
}

// exact reports whether sends are deduplicated and outdated handles refused.
func (s *Settings) exact() bool { return s.FIFO || s.Delivery == ExactlyOnce }
