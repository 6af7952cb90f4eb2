// Package report lets a simulated run explain itself to a person who was not there.
//
// [Write] leaves a folder with five files: story.md tells what happened in at most 25 lines of plain English,
// timeline.html draws it (one file that needs nothing else: open it in a browser), history.jsonl and config.json are what
// was recorded and what was run, and replay.sh runs it again. [Story] writes the story alone, for a terminal.
//
// Everything is derived from a [sim.Result] and nothing else. The same Result gives the same bytes but for porcupine.html; how long the run took
// in real time is left out, because it differs between runs that are equal otherwise.
//
// Reading order: facts.go puts a Result's lines in order for a reader; lives.go (who ran when), reigns.go (who led and
// who held the virtual IP, and who may still have believed so), spans.go (what was broken from when to when, and which
// hosts could not reach which), messages.go (which operations are about the same message) and breaches.go (what was
// broken, and the operations to look at) each answer one question from them. story.go and telling.go turn the answers
// into sentences, rules.go has the rules in plain words. page.go turns them into data for the page, whose style and
// program are in the folder page: model.js (the data), view.js (where things lie),
// draw.js (the frame), hosts.js and operations.js (the lanes), overview.js (the whole run in small), panel.js (words beside
// the picture), main.js (pointer and keys), in that order.
package report
