/* libnice's part in scripts/bench-ice: how long two of its agents in one process take from both lists
 * known to a path.
 *
 * Each line of standard input is a round; the answer is a line with the nanoseconds until both agents
 * are connected, and until both are ready. One host candidate each, on 127.0.0.1, UDP alone. */

#include <inttypes.h>
#include <nice/agent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct side {
    NiceAgent *agent;
    guint stream;
    gboolean gathered;
    int64_t connected, ready;
};

static GMainLoop *loop;
static struct side sides[2];

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void fail(const char *what)
{
    fprintf(stderr, "libnice: %s\n", what);
    exit(1);
}

static void gathered(NiceAgent *agent, guint stream, gpointer data)
{
    (void)agent, (void)stream;
    ((struct side *)data)->gathered = TRUE;
    if (sides[0].gathered && sides[1].gathered)
        g_main_loop_quit(loop);
}

static void changed(NiceAgent *agent, guint stream, guint component, guint state, gpointer data)
{
    struct side *side = data;
    (void)agent, (void)stream, (void)component;
    if (state == NICE_COMPONENT_STATE_FAILED)
        fail("failed");
    if (state >= NICE_COMPONENT_STATE_CONNECTED && side->connected == 0)
        side->connected = now_ns();
    if (state == NICE_COMPONENT_STATE_READY && side->ready == 0)
        side->ready = now_ns();
    if (sides[0].ready && sides[1].ready)
        g_main_loop_quit(loop);
}

static void received(NiceAgent *agent, guint stream, guint component, guint length, gchar *octets,
                     gpointer data)
{
    (void)agent, (void)stream, (void)component, (void)length, (void)octets, (void)data;
}

static void start(struct side *side, gboolean controls)
{
    memset(side, 0, sizeof *side);
    side->agent = nice_agent_new(g_main_loop_get_context(loop), NICE_COMPATIBILITY_RFC5245);
    g_object_set(side->agent, "controlling-mode", controls, "ice-tcp", FALSE, "upnp", FALSE, NULL);
    NiceAddress address;
    nice_address_init(&address);
    if (!nice_address_set_from_string(&address, "127.0.0.1")
        || !nice_agent_add_local_address(side->agent, &address))
        fail("no local address");
    g_signal_connect(side->agent, "candidate-gathering-done", G_CALLBACK(gathered), side);
    g_signal_connect(side->agent, "component-state-changed", G_CALLBACK(changed), side);
    side->stream = nice_agent_add_stream(side->agent, 1);
    nice_agent_attach_recv(side->agent, side->stream, 1, g_main_loop_get_context(loop), received,
                           NULL);
    if (!nice_agent_gather_candidates(side->agent, side->stream))
        fail("cannot gather");
}

static void tell_credentials(struct side *to, struct side *of)
{
    gchar *user = NULL, *password = NULL;
    if (!nice_agent_get_local_credentials(of->agent, of->stream, &user, &password)
        || !nice_agent_set_remote_credentials(to->agent, to->stream, user, password))
        fail("no credentials");
    g_free(user);
    g_free(password);
}

int main(void)
{
    char line[32];
    loop = g_main_loop_new(NULL, FALSE);
    while (fgets(line, sizeof line, stdin) != NULL) {
        for (int i = 0; i < 2; i++)
            start(&sides[i], i == 0);
        if (!sides[0].gathered || !sides[1].gathered)
            g_main_loop_run(loop);
        GSList *lists[2];
        for (int i = 0; i < 2; i++) {
            tell_credentials(&sides[i], &sides[1 - i]);
            lists[i] = nice_agent_get_local_candidates(sides[i].agent, sides[i].stream, 1);
            if (g_slist_length(lists[i]) != 1)
                fail("not one candidate");
        }
        int64_t known = now_ns();
        for (int i = 0; i < 2; i++)
            if (nice_agent_set_remote_candidates(sides[i].agent, sides[i].stream, 1, lists[1 - i])
                != 1)
                fail("candidate not taken");
        if (!sides[0].ready || !sides[1].ready)
            g_main_loop_run(loop);
        printf("%" PRId64 " %" PRId64 "\n",
               MAX(sides[0].connected, sides[1].connected) - known,
               MAX(sides[0].ready, sides[1].ready) - known);
        fflush(stdout);
        for (int i = 0; i < 2; i++) {
            g_slist_free_full(lists[i], (GDestroyNotify)nice_candidate_free);
            nice_agent_remove_stream(sides[i].agent, sides[i].stream);
            g_object_unref(sides[i].agent);
        }
        while (g_main_context_iteration(NULL, FALSE)) {
        }
    }
    g_main_loop_unref(loop);
    return 0;
}
