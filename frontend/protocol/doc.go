// Package protocol is the language of the SQS API: which actions there are, what each is asked and answers, and how
// both look as bytes. It knows nothing of queues: package frontend gives the actions their meaning.
//
// A [Request] or [Response] is a plain struct that does not show which wire protocol carried it. A [Codec] turns bytes
// into a Request and a Response, or a [Fault], into bytes. [JSON] is the AWS JSON 1.0 protocol, which every SDK since
// November 2023 speaks. The older Query protocol (form parameters in, XML out) fits behind the same interface.
//
// Reading order: action.go lists the actions, requests.go and responses.go their structs, json.go the codec with
// jsonreader.go, jsontext.go and jsonwriter.go below it. Message attributes, which have rules, a digest and a stored form of their
// own, are in attributes.go, digest.go and stored.go.
//
// What goes wrong while decoding is a *[DecodeError]. It carries no error code: one table in package frontend gives
// every error its code and HTTP status.
package protocol
