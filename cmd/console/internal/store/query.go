package store

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
)

// ErrCursor says that a cursor is not one of this list.
var ErrCursor = errors.New("the cursor does not belong to this list")

// builder puts a query of one tenant together. Whatever comes from outside goes
// into args, never into the text.
type builder struct {
	conds    []string
	args     []any
	contains string // the engine's function: where in a text another begins
}

func (s *Store) newQuery(tenant string) *builder {
	return &builder{conds: []string{"tenant = $1"}, args: []any{tenant}, contains: s.engine.contains()}
}

// arg returns the placeholder of a value.
func (b *builder) arg(v any) string {
	b.args = append(b.args, v)
	return "$" + strconv.Itoa(len(b.args))
}

func (b *builder) where(cond string) { b.conds = append(b.conds, cond) }

// in asks for a column to have one of some values; none: any.
func in[T ~string](b *builder, column string, values []T) {
	if len(values) == 0 {
		return
	}
	marks := make([]string, 0, len(values))
	for _, v := range values {
		marks = append(marks, b.arg(string(v)))
	}
	b.where(column + " IN (" + strings.Join(marks, ", ") + ")")
}

// holds asks for a column to hold a text anywhere.
func (b *builder) holds(column, text string) {
	if len(text) > maxSearch {
		text = strings.ToValidUTF8(text[:maxSearch], "")
	}
	b.where(b.contains + "(" + column + ", " + b.arg(strings.ReplaceAll(text, "\x00", "\x01")) + ") > 0")
}

// after asks for what follows the row that a cursor names.
func (b *builder) after(keys []string, desc bool, cursor string) error {
	if cursor == "" {
		return nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || len(raw) > 4096 {
		return ErrCursor
	}
	var values []any
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if dec.Decode(&values) != nil || len(values) != len(keys) {
		return ErrCursor
	}
	marks := make([]string, 0, len(values))
	for i, v := range values {
		number := keys[i] == "rank" || keys[i] == "since_at" || keys[i] == "criticality"
		switch v := v.(type) {
		case json.Number:
			n, err := v.Int64()
			if err != nil || !number {
				return ErrCursor
			}
			marks = append(marks, b.arg(n))
		case string:
			if number || strings.Contains(v, "\x00") {
				return ErrCursor
			}
			marks = append(marks, b.arg(v))
		default:
			return ErrCursor
		}
	}
	op := " > "
	if desc {
		op = " < "
	}
	b.where("(" + strings.Join(keys, ", ") + ")" + op + "(" + strings.Join(marks, ", ") + ")")
	return nil
}

func (b *builder) clauses() string { return " WHERE " + strings.Join(b.conds, " AND ") }

// text returns the whole query.
func (b *builder) text(columns string, keys []string, desc bool, limit int) string {
	order := make([]string, 0, len(keys))
	for _, k := range keys {
		if desc {
			k += " DESC"
		}
		order = append(order, k)
	}
	return columns + b.clauses() + " ORDER BY " + strings.Join(order, ", ") + " LIMIT " + b.arg(limit)
}

// cursor names a row by the values it is sorted by.
func cursor(values ...any) string {
	b, _ := json.Marshal(values) // strings and whole numbers
	return base64.RawURLEncoding.EncodeToString(b)
}

func pageLimit(n int) int {
	if n <= 0 {
		return DefaultLimit
	}
	return min(n, MaxLimit)
}
