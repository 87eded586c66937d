#include "test/store/use.h"

void use_open(struct use *use, const char *members)
{
	*use = (struct use){ 0 };
	contract_config(&use->config, members);
	use->store = contract_open(&use->config);
}

void use_close(struct use *use)
{
	store_close(use->store);
	ipam_config_clear(&use->config);
}

int use_reserve(struct use *use, const struct store_attachment *attachment)
{
	return contract_reserve(use->store, &use->config, attachment,
				use->address, &use->err);
}

int use_reserve_n(struct use *use, unsigned int n)
{
	char buf[32];
	struct store_attachment a = contract_attachment(buf, n);

	return use_reserve(use, &a);
}

int use_release_n(struct use *use, unsigned int n)
{
	char buf[32];
	struct store_attachment a = contract_attachment(buf, n);

	return use->store->ops->release(use->store, &a, &use->err);
}

int use_confirm_n(struct use *use, unsigned int n)
{
	char buf[32];
	struct store_attachment a = contract_attachment(buf, n);

	return use->store->ops->confirm(use->store, &a, &use->err);
}

int use_reserve_requested(struct store *store, const struct ipam_config *config,
			  const struct store_attachment *attachment,
			  const char *requested, struct store_record *ret,
			  struct error *err)
{
	struct store_wish wish = { config, attachment, { { 0 } } };
	size_t set;

	cr_assert(inet_addr_parse(requested, &wish.requested[0]));
	return store->ops->reserve(store, &wish, ret, &set, err);
}
