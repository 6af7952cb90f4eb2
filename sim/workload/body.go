package workload

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"strings"
	"unicode/utf8"
)

// A body begins with a token that is unique in the run and ends in padding, with a checksum of both between them:
//
//	+-------+---+--------------------+---+---------+
//	| token | _ | CRC-32, 8 hex      | _ | padding |      _ is one space
//	+-------+---+--------------------+---+---------+
//
// The history has the token alone.

// paddingText is what padding is cut from: plain text, and characters that JSON or UTF-8 write in special ways.
const paddingText = "El chasqui corre de tambo en tambo; \"nada\" se pierde\\\tni <se> repite & llega: ñandú, quipu, 山, 🏔.\n"

// newBody returns a body of about the given number of bytes: as many as the token needs if that is more, and up to 3
// bytes less because a character is not split.
func newBody(token string, bytes int, random *rand.Rand) string {
	room := bytes - len(token) - 10
	var padding strings.Builder
	if room > 0 {
		runes := []rune(paddingText)
		for i := random.IntN(len(runes)); ; i = (i + 1) % len(runes) {
			if padding.Len()+utf8.RuneLen(runes[i]) > room {
				break
			}
			padding.WriteRune(runes[i])
		}
	}
	return token + " " + checksum(token, padding.String()) + " " + padding.String()
}

// tokenOf returns the token of a body; false if the body is not one that newBody has made.
func tokenOf(body string) (string, bool) {
	token, rest, found := strings.Cut(body, " ")
	if !found {
		return "", false
	}
	sum, padding, found := strings.Cut(rest, " ")
	if !found || sum != checksum(token, padding) {
		return "", false
	}
	return token, true
}

// markedSuffix ends the tokens of messages that have a message attribute, markAttribute, with the token as its value.
const (
	markedSuffix  = "+"
	markAttribute = "Token"
)

// marks returns the message attributes of a message.
func marks(token string) map[string]attributeValue {
	if !strings.HasSuffix(token, markedSuffix) {
		return nil
	}
	return map[string]attributeValue{markAttribute: {DataType: "String", StringValue: token}}
}

// marksDigest is the digest of a message's attributes as SQS defines it: of name, type and value with their lengths, and of what the
// value is.
func marksDigest(token string) string {
	if len(marks(token)) == 0 {
		return ""
	}
	var text []byte
	for _, part := range []string{markAttribute, "String", token} {
		if part == token {
			text = append(text, 1) // a text, not bytes
		}
		text = append(binary.BigEndian.AppendUint32(text, uint32(len(part))), part...)
	}
	return digest(string(text))
}

// poisonous tells whether the message with a token is among a share that nobody can work off.
func poisonous(token string, share float64) bool {
	return float64(crc32.ChecksumIEEE([]byte("poison "+token))%1000) < share*1000
}

func checksum(token, padding string) string {
	sum := crc32.ChecksumIEEE([]byte(token))
	return fmt.Sprintf("%08x", crc32.Update(sum, crc32.IEEETable, []byte(" "+padding)))
}
