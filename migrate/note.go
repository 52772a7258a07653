// SPDX-License-Identifier: Apache-2.0

package migrate

import "fmt"

// Level is what a Note asks of the user.
type Level string

// The levels.
const (
	// Refused is why there is no AutoWasm: it would run another module, or where the old object does not.
	Refused Level = "not migrated"
	// NotMapped is what the AutoWasm does without.
	NotMapped Level = "not mapped"
	// Changed is what the AutoWasm does in another way.
	Changed Level = "changes"
	// LeftOut is what has no effect, or is not needed any more.
	LeftOut Level = "left out"
)

// Note is one sentence to the user about a field of an old object.
type Note struct {
	Level Level
	// Object is the old object, such as "WasmPlugin default/test".
	Object string
	// Path of the field, such as "spec.phase"; "" is the object as a whole.
	Path string
	// Text has the reason and, where something is to be done, what.
	Text string
}

// String is the note in one line.
func (n Note) String() string {
	if n.Path == "" {
		return fmt.Sprintf("%s: %s: %s", n.Level, n.Object, n.Text)
	}
	return fmt.Sprintf("%s: %s: %s: %s", n.Level, n.Object, n.Path, n.Text)
}

// log has the notes on all objects, each once.
type log struct {
	entries []entry
	seen    map[Note]bool
}

type entry struct {
	note Note
	of   *findings
}

func (l *log) add(of *findings, n Note) {
	if !l.seen[n] {
		l.seen[n] = true
		l.entries = append(l.entries, entry{n, of})
	}
}

// notes leaves out what an AutoWasm would do in another way, where there is none.
func (l *log) notes() []Note {
	var all []Note
	for _, e := range l.entries {
		if e.note.Level == Refused || !e.of.isRefused() {
			all = append(all, e.note)
		}
	}
	return all
}

// findings are the notes on an object, or on one filter of it.
type findings struct {
	log    *log
	object string
	// refused is set where no AutoWasm may be made.
	refused bool
	// whole is the object, of findings on a part of it.
	whole *findings
}

// part returns findings on a part of the object, which is refused by itself.
func (f *findings) part() *findings { return &findings{log: f.log, object: f.object, whole: f} }

func (f *findings) isRefused() bool { return f.refused || f.whole != nil && f.whole.isRefused() }

func (f *findings) note(level Level, path, format string, args ...any) {
	f.log.add(f, Note{Level: level, Object: f.object, Path: path, Text: fmt.Sprintf(format, args...)})
}

func (f *findings) notMapped(path, format string, args ...any) {
	f.note(NotMapped, path, format, args...)
}

func (f *findings) changed(path, format string, args ...any) { f.note(Changed, path, format, args...) }

func (f *findings) leftOut(path, format string, args ...any) { f.note(LeftOut, path, format, args...) }

// refuse leaves no AutoWasm of the object, or of the part.
func (f *findings) refuse(path, format string, args ...any) {
	f.refused = true
	f.note(Refused, path, format, args...)
}
