#include "agent/handlers/configuration/unified_diff.h"

#include <stdint.h>

#include "common/base/memory.h"

#define CONTEXT   ((size_t)3)
#define CELLS_MAX ((size_t)16 << 20) /* of the table; beyond it all lines in between are shown */

typedef struct Line {
    const char *text;
    size_t length; /* with its line end */
} Line;

typedef struct Lines {
    Line *items;
    size_t count;
} Lines;

/* One line of the result: ' ', '-' or '+'. */
typedef struct Edit {
    char sign;
    Line line;
    size_t old_number, new_number; /* of the next line in each, from 1 */
} Edit;

typedef struct Edits {
    Edit *items;
    size_t count, old_number, new_number;
} Edits;

static Lines split(const char *text)
{
    Lines lines = { .items = memory_new(sizeof(Line)) };
    size_t capacity = 0;

    while (*text) {
        const char *end = strchrnul(text, '\n');
        size_t length = (size_t)(end - text) + (*end == '\n');

        if (lines.count == capacity) {
            capacity = capacity ? capacity * 2 : 256;
            lines.items = memory_grow(lines.items, capacity * sizeof(Line));
        }
        lines.items[lines.count++] = (Line){ text, length };
        text += length;
    }
    return lines;
}

static bool same_line(const Line *a, const Line *b)
{
    return a->length == b->length && memcmp(a->text, b->text, a->length) == 0;
}

static void add_edit(Edits *edits, char sign, Line line)
{
    edits->items[edits->count++] = (Edit){ sign, line, edits->old_number, edits->new_number };
    edits->old_number += sign != '+';
    edits->new_number += sign != '-';
}

static void add_all(Edits *edits, char sign, const Line *lines, size_t count)
{
    for (size_t i = 0; i < count; i++)
        add_edit(edits, sign, lines[i]);
}

/* Longest common subsequence of two pieces that begin and end differently. */
static void compare(Edits *edits, const Line *a, size_t rows, const Line *b, size_t columns)
{
    size_t width = columns + 1, i = 0, k = 0;
    uint32_t *longest;

    if (rows == 0 || columns == 0 || rows > CELLS_MAX / width - 1) {
        add_all(edits, '-', a, rows);
        add_all(edits, '+', b, columns);
        return;
    }
    longest = memory_new((rows + 1) * width * sizeof(uint32_t));
    memset(longest, 0, (rows + 1) * width * sizeof(uint32_t));
    for (size_t row = rows; row-- > 0;)
        for (size_t column = columns; column-- > 0;) {
            uint32_t down = longest[(row + 1) * width + column];
            uint32_t right = longest[row * width + column + 1];

            longest[row * width + column] = same_line(&a[row], &b[column])
                                                ? longest[(row + 1) * width + column + 1] + 1
                                                : (down > right ? down : right);
        }
    while (i < rows && k < columns) {
        if (same_line(&a[i], &b[k])) {
            add_edit(edits, ' ', a[i++]);
            k++;
        } else if (longest[(i + 1) * width + k] >= longest[i * width + k + 1]) {
            add_edit(edits, '-', a[i++]);
        } else {
            add_edit(edits, '+', b[k++]);
        }
    }
    add_all(edits, '-', a + i, rows - i);
    add_all(edits, '+', b + k, columns - k);
    free(longest);
}

/* The end of the hunk that begins at `from`: no change for more than two contexts. */
static size_t hunk_end(const Edits *edits, size_t from)
{
    size_t last = from;

    for (size_t i = from; i < edits->count && i <= last + 2 * CONTEXT; i++)
        if (edits->items[i].sign != ' ')
            last = i;
    return last + CONTEXT + 1 < edits->count ? last + CONTEXT + 1 : edits->count;
}

static void print_hunk(const Edits *edits, size_t from, size_t to, Text *out)
{
    size_t old_lines = 0, new_lines = 0;

    for (size_t i = from; i < to; i++) {
        old_lines += edits->items[i].sign != '+';
        new_lines += edits->items[i].sign != '-';
    }
    text_add(out, "@@ -%zu,%zu +%zu,%zu @@\n", edits->items[from].old_number, old_lines,
        edits->items[from].new_number, new_lines);
    for (size_t i = from; i < to; i++) {
        Line line = edits->items[i].line;
        bool ended = line.text[line.length - 1] == '\n';

        text_add_bytes(out, &edits->items[i].sign, 1);
        text_add_bytes(out, line.text, line.length);
        if (!ended)
            text_add(out, "\n\\ No newline at end of file\n");
    }
}

static void print(const char *name, const Edits *edits, Text *out)
{
    bool any = false;

    for (size_t i = 0; i < edits->count; i++) {
        size_t from = i > CONTEXT ? i - CONTEXT : 0;
        size_t end;

        if (edits->items[i].sign == ' ')
            continue;
        if (!any)
            text_add(out, "--- %s\n+++ %s\n", name, name);
        any = true;
        end = hunk_end(edits, i);
        print_hunk(edits, from, end, out);
        i = end - 1;
    }
}

void unified_diff(const char *name, const char *before, const char *after, Text *out)
{
    Lines a = split(before), b = split(after);
    Edits edits = { .old_number = 1, .new_number = 1 };
    size_t head = 0, tail = 0;

    edits.items = memory_new((a.count + b.count + 1) * sizeof(Edit));
    while (head < a.count && head < b.count && same_line(&a.items[head], &b.items[head]))
        head++;
    while (tail < a.count - head && tail < b.count - head &&
           same_line(&a.items[a.count - tail - 1], &b.items[b.count - tail - 1]))
        tail++;
    add_all(&edits, ' ', a.items, head);
    compare(&edits, a.items + head, a.count - head - tail, b.items + head, b.count - head - tail);
    add_all(&edits, ' ', a.items + a.count - tail, tail);
    print(name, &edits, out);
    free(a.items);
    free(b.items);
    free(edits.items);
}
