/* SPDX-License-Identifier: Apache-2.0
 *
 * Preloaded into the programs of a guest: what rtnetlink says of a link of InfiniBand's type is
 * completed with what IPoIB has and the lab's kernel has not.
 *
 * A tap takes the type, but no address: the kernel leaves IFLA_ADDRESS and IFLA_BROADCAST out, and
 * names the link's kind tun.  The missing parts are read where any program may read them, in
 * /sys/class/net/NAME: the guest has them mounted over the tap's (guest_view.py).  A link without
 * them is passed on as it is.
 *
 * Netlink messages: linux/netlink.h, linux/rtnetlink.h, linux/if_link.h.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum {
    ADDRESS_BYTES = 20, /* INFINIBAND_ALEN of linux/if_infiniband.h */
    ADDED_BYTES = 160,  /* at most, to the message of one link */
    LONGEST = 1 << 17,  /* what is received at once; ip(8) has room for 2^15 */
};

struct ipoib {
    unsigned char address[ADDRESS_BYTES], broadcast[ADDRESS_BYTES];
    uint16_t key, mode, umcast;
};

/* Read the first line of a file of the interface; return whether there is one. */
static int read_line(const char *name, const char *file, char *line, int size)
{
    char path[64 + IFNAMSIZ];
    snprintf(path, sizeof path, "/sys/class/net/%s/%s", name, file);
    FILE *opened = fopen(path, "re");
    if (!opened)
        return 0;
    char *got = fgets(line, size, opened);
    fclose(opened);
    return got != NULL;
}

static int read_address(const char *name, const char *file, unsigned char *address)
{
    char line[4 * ADDRESS_BYTES];
    if (!read_line(name, file, line, sizeof line) || strlen(line) < 3 * ADDRESS_BYTES - 1)
        return 0;
    for (int i = 0; i < ADDRESS_BYTES; i++)
        address[i] = strtoul(line + 3 * i, NULL, 16);
    return 1;
}

static int read_ipoib(const char *name, struct ipoib *found)
{
    char line[32];
    if (!read_address(name, "address", found->address) ||
        !read_address(name, "broadcast", found->broadcast))
        return 0;
    found->key = read_line(name, "pkey", line, sizeof line) ? strtoul(line, NULL, 16) : 0xffff;
    found->mode = read_line(name, "mode", line, sizeof line) && line[0] == 'c';
    found->umcast = read_line(name, "umcast", line, sizeof line) && line[0] == '1';
    return 1;
}

static char *append(char *at, int type, const void *data, size_t size)
{
    struct nlattr head = {NLA_HDRLEN + size, type};
    memcpy(at, &head, sizeof head);
    memcpy(at + NLA_HDRLEN, data, size);
    memset(at + NLA_HDRLEN + size, 0, NLA_ALIGN(size) - size);
    return at + NLA_ALIGN(NLA_HDRLEN + size);
}

static char *append_ipoib(char *at, const struct ipoib *link)
{
    char data[32], info[64], *end = data, *outer = info;
    end = append(end, IFLA_IPOIB_PKEY, &link->key, sizeof link->key);
    end = append(end, IFLA_IPOIB_MODE, &link->mode, sizeof link->mode);
    end = append(end, IFLA_IPOIB_UMCAST, &link->umcast, sizeof link->umcast);
    outer = append(outer, IFLA_INFO_KIND, "ipoib", sizeof "ipoib");
    outer = append(outer, IFLA_INFO_DATA, data, end - data);
    at = append(at, IFLA_ADDRESS, link->address, ADDRESS_BYTES);
    at = append(at, IFLA_BROADCAST, link->broadcast, ADDRESS_BYTES);
    return append(at, IFLA_LINKINFO, info, outer - info);
}

static int is_link(const struct nlmsghdr *message)
{
    const struct ifinfomsg *link = NLMSG_DATA(message);
    return (message->nlmsg_type == RTM_NEWLINK || message->nlmsg_type == RTM_DELLINK) &&
           message->nlmsg_len >= NLMSG_LENGTH(sizeof *link) && link->ifi_family == AF_UNSPEC &&
           link->ifi_type == ARPHRD_INFINIBAND;
}

static int is_replaced(int type, int with_statistics)
{
    switch (type & NLA_TYPE_MASK) {
    case IFLA_ADDRESS:
    case IFLA_BROADCAST:
    case IFLA_LINKINFO:
        return 1;
    case IFLA_STATS:
    case IFLA_STATS64:
        return !with_statistics;
    }
    return 0;
}

static const struct rtattr *attributes(const struct nlmsghdr *message, int *left)
{
    *left = message->nlmsg_len - NLMSG_SPACE(sizeof(struct ifinfomsg));
    return (const void *)((const char *)message + NLMSG_SPACE(sizeof(struct ifinfomsg)));
}

/* Write the message of a link as IPoIB's to AT; return its end, NULL where it is not one. */
static char *complete(const struct nlmsghdr *message, char *at, int with_statistics)
{
    int left;
    char name[IFNAMSIZ] = "", *start = at;
    struct ipoib link;
    const struct rtattr *each = attributes(message, &left);
    for (; RTA_OK(each, left); each = RTA_NEXT(each, left))
        if (each->rta_type == IFLA_IFNAME)
            snprintf(name, sizeof name, "%s", (const char *)RTA_DATA(each));
    if (!read_ipoib(name, &link))
        return NULL;
    memcpy(at, message, NLMSG_SPACE(sizeof(struct ifinfomsg)));
    at += NLMSG_SPACE(sizeof(struct ifinfomsg));
    for (each = attributes(message, &left); RTA_OK(each, left); each = RTA_NEXT(each, left)) {
        if (is_replaced(each->rta_type, with_statistics))
            continue;
        memcpy(at, each, RTA_ALIGN(each->rta_len));
        at += RTA_ALIGN(each->rta_len);
    }
    at = append_ipoib(at, &link);
    ((struct nlmsghdr *)start)->nlmsg_len = at - start;
    return at;
}

static size_t complete_all(char *buffer, size_t got, char *fresh, int with_statistics)
{
    char *at = fresh;
    size_t left = got;
    for (struct nlmsghdr *each = (void *)buffer; NLMSG_OK(each, left);
         each = NLMSG_NEXT(each, left)) {
        char *end = is_link(each) ? complete(each, at, with_statistics) : NULL;
        if (!end) {
            end = at + NLMSG_ALIGN(each->nlmsg_len);
            memcpy(at, each, each->nlmsg_len);
        }
        at = end;
    }
    return at - fresh;
}

/* Complete what was received into BUFFER, as long as it has ROOM; return its new length. */
static ssize_t as_ipoib(char *buffer, ssize_t got, size_t room)
{
    size_t left = got, links = 0;
    for (struct nlmsghdr *each = (void *)buffer; NLMSG_OK(each, left);
         each = NLMSG_NEXT(each, left))
        links += is_link(each);
    if (!links || got > LONGEST)
        return got;
    char *fresh = malloc(got + NLMSG_ALIGNTO + links * ADDED_BYTES);
    if (!fresh)
        return got;
    size_t size = complete_all(buffer, got, fresh, 1);
    if (size > room) /* Without its counters a link is shorter than it was. */
        size = complete_all(buffer, got, fresh, 0);
    if (size <= room) {
        memcpy(buffer, fresh, size);
        got = size;
    }
    free(fresh);
    return got;
}

static int is_route_socket(int fd)
{
    int saved = errno, domain = 0, protocol = -1;
    socklen_t size = sizeof domain;
    getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size);
    size = sizeof protocol;
    if (domain == AF_NETLINK)
        getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size);
    errno = saved;
    return domain == AF_NETLINK && protocol == NETLINK_ROUTE;
}

/* What was received into one buffer of SIZE bytes; MSG_TRUNC asks how much room it would need. */
static ssize_t received(int fd, void *buffer, size_t size, ssize_t got, int flags)
{
    if (got <= 0 || !is_route_socket(fd))
        return got;
    if ((size_t)got <= size)
        return as_ipoib(buffer, got, size);
    return flags & MSG_TRUNC ? got + got / 2 + ADDED_BYTES : got;
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
    static ssize_t (*real)(int, struct msghdr *, int);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "recvmsg");
    ssize_t got = real(fd, message, flags);
    if (message->msg_iovlen > 1)
        return got;
    void *buffer = message->msg_iovlen ? message->msg_iov->iov_base : NULL;
    size_t size = message->msg_iovlen ? message->msg_iov->iov_len : 0;
    return received(fd, buffer, size, got, flags);
}

ssize_t recvfrom(int fd, void *restrict buffer, size_t size, int flags,
                 struct sockaddr *restrict from, socklen_t *restrict length)
{
    static ssize_t (*real)(int, void *, size_t, int, struct sockaddr *, socklen_t *);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "recvfrom");
    return received(fd, buffer, size, real(fd, buffer, size, flags, from, length), flags);
}

ssize_t recv(int fd, void *buffer, size_t size, int flags)
{
    return recvfrom(fd, buffer, size, flags, NULL, NULL);
}
