package report

// ruleWords say in plain words what a rule demands.
var ruleWords = map[string]string{
	"malformed-history":      "A history must not contradict itself. This is a fault of the recording, not of the queue.",
	"lost":                   "A message that was acknowledged must be delivered and stay there until it is deleted.",
	"invented":               "Only what was sent to a queue may be received from it.",
	"corrupted":              "A message must come out as it went in: body, group, time of sending.",
	"response":               "An answer must be complete, hold no more than was asked for, and nothing twice.",
	"handle-reuse":           "Every receipt handle must be given out only once.",
	"message-id":             "Two messages must never have the same MessageID.",
	"purged-returns":         "What a purge or the deletion of a queue removed must not come back.",
	"delay":                  "A message must not be received before its delay is over.",
	"receive-count":          "The receive count of a message must grow with every receive, and by no more than there were.",
	"dead-letter":            "A message moves to the dead-letter queue after as many receives as its queue allows, and is then gone from its source.",
	"moved-altered":          "A dead letter must be what it was in the queue that it comes from, and say which that is.",
	"moved-twice":            "A message that moves between queues must stay one message.",
	"moved-order":            "The messages of a group must come to the dead-letter queue in their order.",
	"move-rate":              "A message move task must not be faster than it was asked to be.",
	"move-task":              "A message move task that was started must go on until it ends, and then never again.",
	"at-most-once":           "A queue that delivers at most once must not deliver a message twice.",
	"empty-long-poll":        "A long poll must not come back empty while a message is there to be received.",
	"deleted-serves":         "What is asked of a queue after its deletion was acknowledged must not succeed until somebody makes or restores it.",
	"restored-missing":       "Nobody may be told that a queue does not exist after its creation or restoration was acknowledged, until somebody deletes it.",
	"duplicate-send":         "One request must store one message.",
	"hold-overlap":           "A message in flight must not be handed out again before its visibility timeout ends.",
	"deleted-returns":        "A message whose delete was acknowledged must not come back.",
	"duplicate-send-fifo":    "A send to a FIFO queue, repeated or not, must be stored at most once.",
	"dedup":                  "Sends with one deduplication id must be one message for five minutes, and new ones after that.",
	"sequence":               "A message of a FIFO queue must have one sequence number that no other message of its group has.",
	"sequence-order":         "A send that began after another had returned must have the higher sequence number.",
	"fifo-order":             "A group's messages must come out in order: none while an earlier one of the group is there.",
	"fifo-hold-overlap":      "A message of a FIFO queue in flight must not be handed out again before its visibility timeout ends.",
	"deleted-returns-fifo":   "A message of a FIFO queue whose delete was acknowledged must not come back.",
	"expired-handle-deletes": "A receipt handle whose time is over must delete nothing.",
	"porcupine-fifo":         "The operations on a message group must be explained by one order, in which each happened at a moment between its call and its answer.",
	"porcupine-standard":     "The operations on a message must be explained by one order, in which each happened at a moment between its call and its answer.",
	"porcupine-metadata":     "Creating, deleting, changing and reading a queue must be explained by one order, the same for all clients.",
	"undecided-windows":      "Porcupine must find an answer for nearly all windows of a history. A run that it cannot judge has shown nothing.",
	"layers-disagree":        "What the rules accept, porcupine must find an order for. If it finds none, the rules or the model are wrong, or both.",
	"applied-result":         "Each command that a replica applied must be answered as a queue in that state must answer.",
	"applied-answer":         "What a client is told must be what a replica applied while the client waited.",
	"applied-alike":          "All replicas must apply the same commands at the same place of their log, and answer them alike.",
	"drains":                 "When the faults are over, every acknowledged message must be delivered and the queues run empty, in time.",
	"sends-again":            "When the faults are over, sends to every queue must succeed again, and those of every producer.",
	"unexpected-exit":        "A program must not end itself unless its disk gave it a reason.",
	"impossible-answer":      "An answer must be one that a correct service can give.",
	"one-leader-per-term":    "At most one host may lead a raft group in a term.",
	"equal-state":            "All replicas must be in the same state at the same place of their log.",
	"old-folder-refused":     "A backend with a data folder that another has replaced must not serve.",
	"stops-in-order":         "A process that is asked to stop must end in order and in time.",
	"journal-verifies":       "A journal on a disk that nothing was done to must be readable to its end.",
	"one-vip-holder":         "Two balancers that can see each other must not both hold the virtual IP.",
	"drained-gets-nothing":   "A frontend that has said that it is about to stop must get no new connections.",
	"no-storm":               "Hosts must not answer faults with a storm of attempts.",
}

// plain says what a rule demands, or that it has no description.
func plain(rule string) string {
	if words := ruleWords[rule]; words != "" {
		return words
	}
	return "The rule " + rule + " was broken."
}
