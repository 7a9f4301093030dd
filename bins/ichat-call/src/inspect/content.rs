//! What a property list, an archive or candidates say, as JSON that a person can change, and back.
//!
//! | JSON | property list | archive |
//! |---|---|---|
//! | string, number, `true`, `null`, list, object | the same; a number in CoreFoundation's width | `NSString`, `NSNumber` of type `i`, –, `NSNull`, `NSMutableArray`, `NSMutableDictionary` |
//! | `{"$data": "hex"}` | data | `NSData` |
//! | `{"$typedstream": …}` | data that is an archive | – |
//! | `{"$candidates": […]}` | – | `NSData` that holds candidates |
//! | `{"$integer": 5, "width": 4}` | a number in another width | – |
//! | `{"$number": 5, "type": "q"}` | – | `NSNumber` of another type |
//! | other names with `$` | see the modules `plist` and `archive` | |

mod archive;
mod candidates;
mod parts;
mod plist;

use serde_json::Value as Json;

pub(super) use archive::archive;
pub(super) use candidates::{candidates, records};
pub(super) use plist::property_list;

pub(super) use archive::to_octets as archive_octets;
pub(super) use candidates::{to_octets as candidate_octets, to_records as record_octets};
pub(super) use plist::to_octets as property_list_octets;

/// Levels of JSON that a content has at most: what reads JSON gives up at 128.
const MAX_LEVELS: usize = 100;

/// Whether a content can be read again; one that is deeper is given as octets alone.
pub(super) fn is_shallow(content: &Json) -> bool {
    fn fits(json: &Json, levels: usize) -> bool {
        let Some(levels) = levels.checked_sub(1) else {
            return false;
        };
        match json {
            Json::Array(members) => members.iter().all(|member| fits(member, levels)),
            Json::Object(members) => members.values().all(|member| fits(member, levels)),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => true,
        }
    }
    fits(content, MAX_LEVELS)
}
